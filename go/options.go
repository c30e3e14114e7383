package acclient

// #include "acclient.h"
import "C"

import (
	"context"
	"fmt"
)

// Options are the settings of a client. The zero value of a field selects its default.
type Options struct {
	// URL sets address, user, password and database in the forms of [Connect]. The other fields take precedence
	// over it.
	URL string
	// Host is a host name or an IP address. Default: 127.0.0.1.
	Host string
	// Port is the port. Default: 6379.
	Port uint16
	// UnixSocket is the path of a Unix socket, which replaces host and port.
	UnixSocket string
	// MasterName is the name of the master, whose address the Sentinels report, in place of host and port.
	MasterName string
	// Sentinels are asked in order for each new connection: "host", "host:port" or "[address]:port"; the default
	// port is 26379. A Sentinel that requires a password gets the one of the master.
	Sentinels []string
	// TLS enables TLS. Default: no TLS, unless the URL enables it.
	TLS *TLS
	// User is the user name, for servers with ACLs. Default: the server's default user.
	User string
	// Password is the password. Default: none. Errors never contain it.
	Password string
	// DB is the database number.
	DB uint32
	// MaxConnections is the maximum number of connections, 1 to 10000. Default: 64. Each wait for results uses one;
	// further waits queue. Waits do not delay other calls. Another eighth of the maximum, at least one connection,
	// is reserved for calls that only talk to Redis, and the same again for requests to agents and the controller.
	MaxConnections int
	// MaxReply is the maximum size of a reply in bytes. Default: 64 MiB.
	MaxReply int
}

// TLS configures TLS. The zero TLS trusts the authorities that this machine trusts. The server's certificate must
// match the host. A Unix socket does not use TLS.
type TLS struct {
	// CAFile is a PEM file of authorities that are trusted instead of those of the machine.
	CAFile string
	// CertFile is a PEM file of the client's certificate chain; it requires KeyFile.
	CertFile string
	// KeyFile is a PEM file of the private key.
	KeyFile string
	// Insecure disables certificate verification. Anyone on the network path can then read and change all traffic;
	// use it for testing only.
	Insecure bool
}

// Open connects with these options and logs in.
func Open(ctx context.Context, options Options) (*Client, error) {
	ptr, free, err := options.build()
	if err != nil {
		return nil, err
	}
	defer free()
	return connect(ctx, options.connections(),
		func(call *call, client **C.acclient_client, raw errorOut) status {
			return C.acclient_client_open(ptr, call.ms(), call.cancel, client, raw)
		})
}

// NewClient creates a client with these options without connecting; calls connect as needed. It reads the TLS files
// but does not block otherwise.
func NewClient(options Options) (*Client, error) {
	if err := CheckVersion(); err != nil {
		return nil, err
	}
	ptr, free, err := options.build()
	if err != nil {
		return nil, err
	}
	defer free()
	var client *C.acclient_client
	if err := plain(func(raw errorOut) status { return C.acclient_client_build(ptr, &client, raw) }); err != nil {
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

func (o *Options) build() (*C.acclient_options, func(), error) {
	if o.MaxConnections < 0 || o.MaxConnections > 10000 {
		return nil, nil, errInvalid(fmt.Sprintf("invalid MaxConnections %d: expected 1 to 10000, or 0 for the default",
			o.MaxConnections))
	}
	if o.MaxReply < 0 {
		return nil, nil, errInvalid(fmt.Sprintf("invalid MaxReply %d: expected a size above 0, or 0 for the default",
			o.MaxReply))
	}
	if o.TLS != nil && (o.TLS.CertFile == "") != (o.TLS.KeyFile == "") {
		return nil, nil, errInvalid("incomplete client certificate: expected both CertFile and KeyFile, or neither")
	}
	return build(
		func(ptr **C.acclient_options, raw errorOut) status { return C.acclient_options_new(ptr, raw) },
		func(ptr *C.acclient_options) { C.acclient_options_free(ptr) },
		o.set)
}

func (o *Options) set(args *arguments, ptr *C.acclient_options) {
	args.set("URL", o.URL, func(url *C.char, raw errorOut) status {
		return C.acclient_options_set_url(ptr, url, raw)
	})
	args.set("host", o.Host, func(host *C.char, raw errorOut) status {
		return C.acclient_options_set_host(ptr, host, raw)
	})
	args.number(int64(o.Port), func(port C.int64_t, raw errorOut) status {
		return C.acclient_options_set_port(ptr, C.uint16_t(port), raw)
	})
	args.set("Unix socket", o.UnixSocket, func(path *C.char, raw errorOut) status {
		return C.acclient_options_set_unix_socket(ptr, path, raw)
	})
	if o.MasterName != "" || len(o.Sentinels) > 0 {
		sentinels, count := args.texts("Sentinel", o.Sentinels)
		args.add("master name", o.MasterName, func(name *C.char, raw errorOut) status {
			return C.acclient_options_set_sentinels(ptr, name, sentinels, count, raw)
		})
	}
	if o.TLS != nil {
		o.TLS.set(args, ptr)
	}
	args.set("user", o.User, func(user *C.char, raw errorOut) status {
		return C.acclient_options_set_user(ptr, user, raw)
	})
	args.set("password", o.Password, func(password *C.char, raw errorOut) status {
		return C.acclient_options_set_password(ptr, password, raw)
	})
	args.number(int64(o.DB), func(db C.int64_t, raw errorOut) status {
		return C.acclient_options_set_db(ptr, C.uint32_t(db), raw)
	})
	args.number(int64(o.MaxConnections), func(count C.int64_t, raw errorOut) status {
		return C.acclient_options_set_max_connections(ptr, C.size_t(count), raw)
	})
	args.number(int64(o.MaxReply), func(size C.int64_t, raw errorOut) status {
		return C.acclient_options_set_max_reply(ptr, C.size_t(size), raw)
	})
}

func (t *TLS) set(args *arguments, ptr *C.acclient_options) {
	args.call(func(raw errorOut) status { return C.acclient_options_set_tls(ptr, raw) })
	args.set("CAFile", t.CAFile, func(file *C.char, raw errorOut) status {
		return C.acclient_options_set_tls_ca_file(ptr, file, raw)
	})
	key := args.text("KeyFile", t.KeyFile)
	args.set("CertFile", t.CertFile, func(cert *C.char, raw errorOut) status {
		return C.acclient_options_set_tls_client_cert(ptr, cert, key, raw)
	})
	if t.Insecure {
		args.call(func(raw errorOut) status { return C.acclient_options_set_tls_insecure(ptr, raw) })
	}
}
