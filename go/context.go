package acclient

// #include <acclient.h>
import "C"

import (
	"context"
	"errors"
	"sync"
	"time"
	"unsafe"
)

// defaultConnections is how many connections a client may have unless it is told.
const defaultConnections = 64

// connecting bounds the calls that have no client yet.
var connecting = make(chan struct{}, defaultConnections)

// quick bounds calls that are known to end at once.
var quick = make(chan struct{}, defaultConnections)

// call is a call of C under a context.
type call struct {
	ctx    context.Context
	client *C.acclient_client
	cancel *C.acclient_cancel
}

// ms is the time that the call still has, as C takes it: -1 is for ever. It is never 0, which is
// "look once".
func (c *call) ms() C.int64_t {
	deadline, has := c.ctx.Deadline()
	if !has {
		return -1
	}
	return milliseconds(time.Until(deadline))
}

// milliseconds rounds up, to at least one. It adds nothing to a span that may be the longest there is.
func milliseconds(span time.Duration) C.int64_t {
	whole := span / time.Millisecond
	if span%time.Millisecond > 0 {
		whole++
	}
	return max(1, C.int64_t(whole))
}

// timedOut tells whether a context is done by its deadline, which C keeps by itself.
func timedOut(ctx context.Context) bool {
	_, has := ctx.Deadline()
	return has && errors.Is(ctx.Err(), context.DeadlineExceeded)
}

// tokens are cancel tokens that no call has, and that were not cancelled: each costs two descriptors.
type tokens struct {
	mu     sync.Mutex
	spare  []*C.acclient_cancel
	closed bool
}

func (t *tokens) get() (*C.acclient_cancel, error) {
	t.mu.Lock()
	if last := len(t.spare) - 1; last >= 0 {
		token := t.spare[last]
		t.spare = t.spare[:last]
		t.mu.Unlock()
		return token, nil
	}
	t.mu.Unlock()
	var token *C.acclient_cancel
	var raw *C.acclient_error
	status := C.acclient_cancel_new(&token, &raw)
	if err := takeError(context.Background(), nil, status, raw); err != nil {
		return nil, err
	}
	live.Add(1)
	return token, nil
}

// put takes a token back that no call has any more.
func (t *tokens) put(token *C.acclient_cancel) {
	t.mu.Lock()
	keep := !t.closed && len(t.spare) < defaultConnections && !bool(C.acclient_cancel_is_cancelled(token))
	if keep {
		t.spare = append(t.spare, token)
	}
	t.mu.Unlock()
	if !keep {
		C.acclient_cancel_free(token)
		live.Add(-1)
	}
}

func (t *tokens) close() {
	t.mu.Lock()
	spare := t.spare
	t.spare, t.closed = nil, true
	t.mu.Unlock()
	for _, token := range spare {
		t.put(token)
	}
}

// watch gives a token that is cancelled when the context is, until end is called. A context that can
// not be cancelled needs none.
func (t *tokens) watch(ctx context.Context) (token *C.acclient_cancel, end func(), err error) {
	if ctx.Done() == nil {
		return nil, func() {}, nil
	}
	token, err = t.get()
	if err != nil {
		return nil, nil, err
	}
	ran := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ran)
		if !timedOut(ctx) {
			C.acclient_cancel_cancel(token)
		}
	})
	end = func() {
		if !stop() {
			<-ran
		}
		t.put(token)
	}
	return token, end, nil
}

// slot takes a place among the calls that may be inside of C.
func (c *Client) slot(ctx context.Context) error {
	select {
	case c.slots <- struct{}{}:
		return nil
	default:
	}
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-c.closed:
		return errClosed("client")
	case <-ctx.Done():
		if timedOut(ctx) {
			return errContext(ctx, ErrPoolExhausted,
				"all connections of the client stayed in use until the time of the call was over")
		}
		return errContext(ctx, ErrCancelled, "the call was cancelled while it waited for a connection")
	}
}

// do makes a call that may block: with a place among those, the client held, and the context
// watched. Nothing of that is let go before the call has ended.
func (c *Client) do(ctx context.Context, f func(call *call, raw **C.acclient_error) C.acclient_status) error {
	if ctx.Err() != nil {
		return errDone(ctx)
	}
	ptr := c.handle.acquire()
	if ptr == nil {
		return errClosed("client")
	}
	defer c.handle.release()
	if err := c.slot(ctx); err != nil {
		return err
	}
	defer func() { <-c.slots }()
	token, end, err := c.tokens.watch(ctx)
	if err != nil {
		return err
	}
	defer end()
	var raw *C.acclient_error
	status := f(&call{ctx, (*C.acclient_client)(ptr), token}, &raw)
	return takeError(ctx, c, status, raw)
}

// here makes a call that does not block, with the client held.
func (c *Client) here(f func(client *C.acclient_client, raw **C.acclient_error) C.acclient_status) error {
	ptr := c.handle.acquire()
	if ptr == nil {
		return errClosed("client")
	}
	defer c.handle.release()
	return plain(func(raw **C.acclient_error) C.acclient_status {
		return f((*C.acclient_client)(ptr), raw)
	})
}

// plain makes a call that neither blocks nor has a client.
func plain(f func(raw **C.acclient_error) C.acclient_status) error {
	var raw *C.acclient_error
	status := f(&raw)
	return takeError(context.Background(), nil, status, raw)
}

// stream is a C iterator that has the deadline and the token of its context in itself.
type stream struct {
	ctx    context.Context
	client *Client
	handle *handle
	gate   gate
}

// next makes the call for the next item. After the end of the context it does not block, and tells
// what is to be told: an agent that did not answer, for each of them.
func (s *stream) next(f func(ptr unsafe.Pointer, raw **C.acclient_error) C.acclient_status) error {
	s.gate <- struct{}{}
	defer s.gate.unlock()
	ptr := s.handle.acquire()
	if ptr == nil {
		return errClosed("iterator")
	}
	defer s.handle.release()
	slots := s.client.slots
	select {
	case slots <- struct{}{}:
	default:
		select {
		case slots <- struct{}{}:
		case <-s.ctx.Done():
			slots = quick
			slots <- struct{}{}
		case <-s.client.closed:
			slots = quick
			slots <- struct{}{}
		}
	}
	defer func() { <-slots }()
	var raw *C.acclient_error
	status := f(ptr, &raw)
	return takeError(s.ctx, s.client, status, raw)
}

// gate lets one goroutine through at a time.
type gate chan struct{}

func newGate() gate { return make(gate, 1) }

func (g gate) lock(ctx context.Context) error {
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		if timedOut(ctx) {
			return errContext(ctx, ErrTimeout, "another goroutine used it until the time of the call was over")
		}
		return errContext(ctx, ErrCancelled, "the call was cancelled while another goroutine used it")
	}
}

func (g gate) unlock() { <-g }
