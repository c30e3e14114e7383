package acclient

// #include <acclient.h>
import "C"

import "context"

// Options are the settings of a client. What is zero is left at its default.
type Options struct {
	// URL is address, user, password and database in the forms that [Connect] takes; the fields below
	// go before it.
	URL string
	// Host is a host name or number. Default: 127.0.0.1.
	Host string
	// Port is the port. Default: 6379.
	Port uint16
	// UnixSocket is the path of a socket, instead of host and port.
	UnixSocket string
	// MasterName is the master that Sentinels are asked for, instead of host and port.
	MasterName string
	// Sentinels are those who are asked, in their order, for each new connection: "host", "host:port" or
	// "[address]:port". One that wants a password gets that of the master.
	Sentinels []string
	// TLS is how TLS is spoken. Default: not at all, unless the URL says so.
	TLS *TLS
	// User is a name, for servers with ACLs. Default: the server's default user.
	User string
	// Password is the password. Default: none. It appears in no error.
	Password string
	// DB is the number of the database.
	DB uint32
	// MaxConnections is how many connections the client may have at a time: each waiting call has
	// one, and the others wait. 1 to 10000; default 64.
	MaxConnections int
	// MaxReply is the largest reply, in bytes, that the client takes from Redis. Default: 64 MiB.
	MaxReply int
}

// TLS says whom a client believes, and who it is. The zero TLS believes the authorities that this
// machine trusts. The server's certificate has to be of the host that was named. A unix socket has none.
type TLS struct {
	// CAFile is a PEM file with the authorities that are believed instead of those of the machine.
	CAFile string
	// CertFile is a PEM file with the certificates that the server is shown; it goes with KeyFile.
	CertFile string
	// KeyFile is a PEM file with the key of the certificates.
	KeyFile string
	// Insecure believes any certificate: whoever is in between can read and change everything. For
	// trials only.
	Insecure bool
}

// Open connects by settings, and logs in.
func Open(ctx context.Context, options Options) (*Client, error) {
	var lent lent
	defer lent.free()
	ptr, free, err := options.build(&lent)
	if err != nil {
		return nil, err
	}
	defer free()
	return connect(ctx, &lent, options.connections(),
		func(call *call, client **C.acclient_client, raw **C.acclient_error) C.acclient_status {
			return C.acclient_client_open(ptr, call.ms(), call.cancel, client, raw)
		})
}

// NewClient makes a client by settings, without a connection: each call makes what it needs. It does
// not block, but reads the files of TLS.
func NewClient(options Options) (*Client, error) {
	if err := CheckVersion(); err != nil {
		return nil, err
	}
	var lent lent
	defer lent.free()
	ptr, free, err := options.build(&lent)
	if err != nil {
		return nil, err
	}
	defer free()
	var client *C.acclient_client
	if err := plain(func(raw **C.acclient_error) C.acclient_status {
		return C.acclient_client_build(ptr, &client, raw)
	}); err != nil {
		return nil, err
	}
	return newClient(client, &tokens{}, options.connections()), nil
}

func (o *Options) connections() int {
	if o.MaxConnections == 0 {
		return defaultConnections
	}
	return o.MaxConnections
}

// build makes the options of C, which have to be freed.
func (o *Options) build(lent *lent) (ptr *C.acclient_options, free func(), err error) {
	if o.MaxConnections < 0 || o.MaxConnections > 10000 || o.MaxReply < 0 {
		return nil, nil, &Error{Code: ErrInvalidArgument, Message: "a number of the settings is out of range"}
	}
	if o.TLS != nil && (o.TLS.CertFile == "") != (o.TLS.KeyFile == "") {
		return nil, nil, &Error{Code: ErrInvalidArgument, Message: "CertFile and KeyFile go together"}
	}
	if err := plain(func(raw **C.acclient_error) C.acclient_status {
		return C.acclient_options_new(&ptr, raw)
	}); err != nil {
		return nil, nil, err
	}
	free = own(func() { C.acclient_options_free(ptr) })
	if err := o.set(lent, ptr); err != nil {
		free()
		return nil, nil, err
	}
	return ptr, free, nil
}

func (o *Options) set(lent *lent, ptr *C.acclient_options) error {
	tls := o.TLS
	if tls == nil {
		tls = &TLS{}
	}
	settings := []struct {
		is  bool
		set func(raw **C.acclient_error) C.acclient_status
	}{
		{o.URL != "", func(raw **C.acclient_error) C.acclient_status {
			return C.acclient_options_set_url(ptr, lent.name("the URL", o.URL), raw)
		}},
		{o.Host != "", func(raw **C.acclient_error) C.acclient_status {
			return C.acclient_options_set_host(ptr, lent.name("the host", o.Host), raw)
		}},
		{o.Port != 0, func(raw **C.acclient_error) C.acclient_status {
			return C.acclient_options_set_port(ptr, C.uint16_t(o.Port), raw)
		}},
		{o.UnixSocket != "", func(raw **C.acclient_error) C.acclient_status {
			return C.acclient_options_set_unix_socket(ptr, lent.name("the socket", o.UnixSocket), raw)
		}},
		{o.MasterName != "" || len(o.Sentinels) > 0, func(raw **C.acclient_error) C.acclient_status {
			name := lent.name("the name of the master", o.MasterName)
			sentinels, count := lent.names("a Sentinel", o.Sentinels)
			return C.acclient_options_set_sentinels(ptr, name, sentinels, count, raw)
		}},
		{o.TLS != nil, func(raw **C.acclient_error) C.acclient_status {
			return C.acclient_options_set_tls(ptr, raw)
		}},
		{tls.CAFile != "", func(raw **C.acclient_error) C.acclient_status {
			return C.acclient_options_set_tls_ca_file(ptr, lent.name("CAFile", tls.CAFile), raw)
		}},
		{tls.CertFile != "", func(raw **C.acclient_error) C.acclient_status {
			return C.acclient_options_set_tls_client_cert(ptr, lent.name("CertFile", tls.CertFile),
				lent.name("KeyFile", tls.KeyFile), raw)
		}},
		{tls.Insecure, func(raw **C.acclient_error) C.acclient_status {
			return C.acclient_options_set_tls_insecure(ptr, raw)
		}},
		{o.User != "", func(raw **C.acclient_error) C.acclient_status {
			return C.acclient_options_set_user(ptr, lent.name("the user", o.User), raw)
		}},
		{o.Password != "", func(raw **C.acclient_error) C.acclient_status {
			return C.acclient_options_set_password(ptr, lent.name("the password", o.Password), raw)
		}},
		{o.DB != 0, func(raw **C.acclient_error) C.acclient_status {
			return C.acclient_options_set_db(ptr, C.uint32_t(o.DB), raw)
		}},
		{o.MaxConnections != 0, func(raw **C.acclient_error) C.acclient_status {
			return C.acclient_options_set_max_connections(ptr, C.size_t(o.MaxConnections), raw)
		}},
		{o.MaxReply != 0, func(raw **C.acclient_error) C.acclient_status {
			return C.acclient_options_set_max_reply(ptr, C.size_t(o.MaxReply), raw)
		}},
	}
	for _, setting := range settings {
		if !setting.is {
			continue
		}
		if err := plain(setting.set); err != nil {
			return err
		}
		if lent.err != nil {
			return lent.err
		}
	}
	return nil
}
