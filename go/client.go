package acclient

// #include <acclient.h>
import "C"

import (
	"context"
	"fmt"
	"sync"
	"unsafe"
)

// AgentID is an agent: the node NID of the grid GID. The zero AgentID is the controller.
type AgentID struct {
	GID, NID int64
}

// String is the agent as it is written everywhere, like "1:2".
func (a AgentID) String() string { return fmt.Sprintf("%d:%d", a.GID, a.NID) }

// Client is a client of one grid.
type Client struct {
	handle *handle
	tokens *tokens
	// slots has a place for each call that may be inside of C at a time.
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
	// several is for whoever takes the gates of several commands.
	several gate
}

// Connect connects to the Redis of a grid and logs in. The URL has one of these forms, with %xx for
// what a URL cannot hold:
//
//   - redis://[[user]:password@]host[:port][/db]
//   - rediss://..., the same under TLS; #insecure at the end believes any certificate
//   - redis+unix:///path[?db=N&user=U&pass=P]
//   - redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/name[/db]: the master of that
//     name, wherever these Sentinels say that it is; rediss+sentinel://..., all of it under TLS
func Connect(ctx context.Context, url string) (*Client, error) {
	var lent lent
	defer lent.free()
	name := lent.name("the URL", url)
	return connect(ctx, &lent, defaultConnections,
		func(call *call, client **C.acclient_client, raw **C.acclient_error) C.acclient_status {
			return C.acclient_client_connect(name, call.ms(), call.cancel, client, raw)
		})
}

// Instance connects to a named instance: a table of the TOML file that the variable ACCLIENT_CONFIG
// names, else of acclient/instances.toml in $XDG_CONFIG_HOME or ~/.config. It has either url, or host
// and port, or unix_socket; and user, password, db, tls (true), tls_ca_file, tls_cert_file,
// tls_key_file, timeout (seconds), max_connections.
//
// C reads the environment that the process was started with and what a program with cgo sets by
// os.Setenv, which must not happen meanwhile. At most 64 calls are inside of C at a time, whatever
// max_connections says.
func Instance(ctx context.Context, name string) (*Client, error) {
	var lent lent
	defer lent.free()
	cname := lent.name("the name", name)
	return connect(ctx, &lent, defaultConnections,
		func(call *call, client **C.acclient_client, raw **C.acclient_error) C.acclient_status {
			return C.acclient_client_instance(cname, call.ms(), call.cancel, client, raw)
		})
}

func connect(
	ctx context.Context, lent *lent, connections int,
	f func(call *call, client **C.acclient_client, raw **C.acclient_error) C.acclient_status,
) (*Client, error) {
	if err := CheckVersion(); err != nil {
		return nil, err
	}
	if lent.err != nil {
		return nil, lent.err
	}
	if ctx.Err() != nil {
		return nil, errDone(ctx)
	}
	select {
	case connecting <- struct{}{}:
	case <-ctx.Done():
		return nil, errDone(ctx)
	}
	defer func() { <-connecting }()
	tokens := &tokens{}
	token, end, err := tokens.watch(ctx)
	if err != nil {
		return nil, err
	}
	var ptr *C.acclient_client
	var raw *C.acclient_error
	status := f(&call{ctx, nil, token}, &ptr, &raw)
	end()
	if err := takeError(ctx, nil, status, raw); err != nil {
		tokens.close()
		return nil, err
	}
	return newClient(ptr, tokens, connections), nil
}

// newClient takes a client over from C.
func newClient(ptr *C.acclient_client, tokens *tokens, connections int) *Client {
	return &Client{
		handle:  newHandle(unsafe.Pointer(ptr), func() { C.acclient_client_free(ptr) }),
		tokens:  tokens,
		slots:   make(chan struct{}, connections),
		closed:  make(chan struct{}),
		several: newGate(),
	}
}

// Close closes the client: calls under way, in whatever goroutine, end with [ErrClosed], and so does
// every later one. Commands that were sent go on. It blocks for half a second at most, and gives nil.
func (c *Client) Close() error {
	c.once.Do(func() {
		close(c.closed)
		ptr := c.handle.acquire()
		C.acclient_client_close((*C.acclient_client)(ptr))
		c.handle.release()
		c.handle.close()
		c.tokens.close()
	})
	return nil
}

// Ping asks Redis for a sign of life.
func (c *Client) Ping(ctx context.Context) error {
	return c.do(ctx, func(call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_client_ping(call.client, call.ms(), call.cancel, raw)
	})
}

// PingAgent asks an agent for a sign of life.
func (c *Client) PingAgent(ctx context.Context, gid, nid int64) error {
	return c.do(ctx, func(call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_client_ping_agent(call.client, C.int64_t(gid), C.int64_t(nid), call.ms(),
			call.cancel, raw)
	})
}
