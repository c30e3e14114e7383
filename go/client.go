package acclient

// #include "acclient.h"
import "C"

import (
	"context"
	"unsafe"
)

// Client is a client of one grid, with a connection pool. Close it after use.
type Client struct {
	handle *handle
	tokens *tokens
	// slots limits the waits that block in C at a time, brief all other calls.
	slots, brief chan struct{}
}

// Connect connects to the Redis of a grid and logs in. The URL has one of these forms; reserved characters are
// written as %xx:
//
//   - redis://[[user]:password@]host[:port][/db]
//   - rediss://..., the same over TLS; a trailing #insecure disables certificate verification
//   - redis+unix:///path[?db=N&user=U&pass=P]
//   - redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/name[/db], the master of that name as
//     reported by these Sentinels
//   - rediss+sentinel://..., the same with TLS to Sentinels and master
func Connect(ctx context.Context, url string) (*Client, error) {
	return connectBy(ctx, "URL", url,
		func(url *C.char, call *call, client **C.acclient_client, raw errorOut) status {
			return C.acclient_client_connect(url, call.ms(), call.cancel, client, raw)
		})
}

// Instance connects to a named instance: a table of the TOML file named by the environment variable
// ACCLIENT_CONFIG, or else of acclient/instances.toml in $XDG_CONFIG_HOME or ~/.config.
//
// A table has url, or host and port, or unix_socket; optionally user, password, db, tls (true), tls_ca_file,
// tls_cert_file, tls_key_file, timeout (seconds), max_connections; and a table of groups for [Client.Resolve]. An
// error in one table does not affect the others.
//
// Do not call Instance while another goroutine calls os.Setenv: C reads the environment. At most 64 calls block in
// C at a time, regardless of max_connections.
func Instance(ctx context.Context, name string) (*Client, error) {
	return connectBy(ctx, "name", name,
		func(name *C.char, call *call, client **C.acclient_client, raw errorOut) status {
			return C.acclient_client_instance(name, call.ms(), call.cancel, client, raw)
		})
}

func connectBy(
	ctx context.Context, what, text string,
	f func(text *C.char, call *call, client **C.acclient_client, raw errorOut) status,
) (*Client, error) {
	var args arguments
	defer args.free()
	lent := args.text(what, text)
	if args.err != nil {
		return nil, args.err
	}
	return connect(ctx, defaultConnections,
		func(call *call, client **C.acclient_client, raw errorOut) status { return f(lent, call, client, raw) })
}

func connect(
	ctx context.Context, connections int, f func(call *call, client **C.acclient_client, raw errorOut) status,
) (*Client, error) {
	if err := first(CheckVersion(), check(ctx)); err != nil {
		return nil, err
	}
	select {
	case connecting <- struct{}{}:
	case <-ctx.Done():
		return nil, check(ctx)
	}
	defer func() { <-connecting }()
	tokens := &tokens{}
	token, end, err := tokens.watch(ctx)
	if err != nil {
		return nil, err
	}
	var ptr *C.acclient_client
	var raw *C.acclient_error
	code := f(&call{ctx, nil, token}, &ptr, &raw)
	end()
	if err := takeError(ctx, nil, code, raw); err != nil {
		tokens.close()
		return nil, err
	}
	return newClient(ptr, tokens, connections), nil
}

// newClient takes ownership of a client from C.
func newClient(ptr *C.acclient_client, tokens *tokens, connections int) *Client {
	return &Client{
		handle: newHandle("client", unsafe.Pointer(ptr), func() { C.acclient_client_free(ptr) }),
		tokens: tokens,
		slots:  make(chan struct{}, connections),
		brief:  make(chan struct{}, connections),
	}
}

// Close closes the client. Calls in progress in any goroutine, and all later ones, return [ErrClosed]. Submitted
// commands continue to run. Close blocks for up to half a second, and returns nil.
func (c *Client) Close() error {
	if c.check() != nil {
		return nil
	}
	ptr, err := c.handle.acquire(nil)
	if err != nil {
		return nil // closed already
	}
	defer c.handle.release(nil)
	c.handle.close()
	C.acclient_client_close((*C.acclient_client)(ptr))
	c.tokens.close()
	return nil
}

// Ping sends PING to Redis and waits for the reply.
func (c *Client) Ping(ctx context.Context) error {
	return c.do(ctx, func(call *call, raw errorOut) status {
		return C.acclient_client_ping(call.client, call.ms(), call.cancel, raw)
	})
}

// PingAgent sends a "ping" to an agent and waits for its answer.
func (c *Client) PingAgent(ctx context.Context, agent AgentID) error {
	return c.do(ctx, func(call *call, raw errorOut) status {
		return C.acclient_client_ping_agent(call.client, C.int64_t(agent.GID), C.int64_t(agent.NID), call.ms(),
			call.cancel, raw)
	})
}

// Statistics are connections and counters of a client.
type Statistics struct {
	// OpenConnections is the number of connections, of which IdleConnections are not in use.
	OpenConnections int64 `json:"open_connections"`
	IdleConnections int64 `json:"idle_connections"`
	// WaitingCalls is the number of calls in C that are waiting for a connection.
	WaitingCalls int64 `json:"waiting_calls"`

	// Connected counts the connections opened since the client was created.
	Connected int64 `json:"connected"`
	// PoolWaits counts the calls in C that have waited for a connection.
	PoolWaits int64 `json:"pool_waits"`
	// Pushed counts the commands sent.
	Pushed int64 `json:"pushed"`
	// BlockingWaits, TrackingWaits, BroadcastWaits and PollingWaits count the waits for results, by [Method].
	BlockingWaits  int64 `json:"blocking_waits"`
	TrackingWaits  int64 `json:"tracking_waits"`
	BroadcastWaits int64 `json:"broadcast_waits"`
	PollingWaits   int64 `json:"polling_waits"`
}

// Statistics returns connections and counters of the client and everything made from it. It does not block.
func (c *Client) Statistics() (*Statistics, error) {
	var answer *C.acclient_answer
	if err := c.here(func(client *C.acclient_client, raw errorOut) status {
		return C.acclient_client_statistics(client, &answer, raw)
	}); err != nil {
		return nil, err
	}
	defer own(func() { C.acclient_answer_free(answer) })()
	statistics := new(Statistics)
	decode(answerJSON(answer), statistics)
	return statistics, nil
}
