package acclient

// #include <acclient.h>
import "C"

import (
	"context"
	"math"
)

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

// Open connects by settings, and logs in.
func Open(ctx context.Context, options Options) (*Client, error) {
	connections := options.MaxConnections
	if connections < 0 || connections > 10000 || options.MaxReply < 0 || uint64(options.MaxReply) > math.MaxInt {
		return nil, &Error{Code: ErrInvalidArgument, Message: "a number of the settings is out of range"}
	}
	if connections == 0 {
		connections = defaultConnections
	}
	var lent lent
	defer lent.free()
	var ptr *C.acclient_options
	if err := plain(func(raw **C.acclient_error) C.acclient_status {
		return C.acclient_options_new(&ptr, raw)
	}); err != nil {
		return nil, err
	}
	defer own(func() { C.acclient_options_free(ptr) })()
	if err := options.set(&lent, ptr); err != nil {
		return nil, err
	}
	return connect(ctx, &lent, connections,
		func(call *call, client **C.acclient_client, raw **C.acclient_error) C.acclient_status {
			return C.acclient_client_open(ptr, call.ms(), call.cancel, client, raw)
		})
}

func (o *Options) set(lent *lent, ptr *C.acclient_options) error {
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
