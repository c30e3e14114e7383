package acclient

// #include "acclient.h"
import "C"

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
	"unsafe"
)

type (
	status   = C.acclient_status
	errorOut = **C.acclient_error
)

// defaultConnections is the default maximum number of connections of a client.
const defaultConnections = 64

// connecting limits the calls that have no client yet.
var connecting = make(chan struct{}, defaultConnections)

// quick limits calls that are known to return at once.
var quick = make(chan struct{}, defaultConnections)

// call is a C call under a context.
type call struct {
	ctx    context.Context
	client *C.acclient_client
	cancel *C.acclient_cancel_token
}

// ms returns the timeout for a C function: the milliseconds left until the deadline, or -1 without one. It is
// never 0, which would poll once.
func (c *call) ms() C.int64_t {
	deadline, has := c.ctx.Deadline()
	if !has {
		return -1
	}
	return milliseconds(time.Until(deadline))
}

// milliseconds rounds up, to at least one. It avoids adding to a duration that may be the maximum.
func milliseconds(span time.Duration) C.int64_t {
	whole := span / time.Millisecond
	if span%time.Millisecond > 0 {
		whole++
	}
	return max(1, C.int64_t(whole))
}

// check returns an error if a call cannot start with this context.
func check(ctx context.Context) error {
	if ctx == nil {
		return errInvalid("nil context")
	}
	if ctx.Err() != nil {
		return errContext(ctx, ErrTimeout, "before the call began")
	}
	return nil
}

// waiting is the context of a wait for results, which may block in C for as long as its caller likes. Waits and
// other calls have separate slots, so that waits never delay other calls.
type waiting struct{ context.Context }

// wait marks a context as that of a wait.
func wait(ctx context.Context) context.Context {
	if ctx == nil {
		return nil
	}
	return waiting{ctx}
}

// slotsFor returns the slots for calls with this context.
func (c *Client) slotsFor(ctx context.Context) chan struct{} {
	if _, waits := ctx.(waiting); waits {
		return c.slots
	}
	return c.brief
}

// timedOut reports whether a context was ended by its deadline, which C enforces itself.
func timedOut(ctx context.Context) bool {
	_, has := ctx.Deadline()
	return has && errors.Is(ctx.Err(), context.DeadlineExceeded)
}

// undated is a context whose deadline is not passed to C, because the timeout of the call has another meaning. The
// deadline ends the call through the token.
type undated struct{ context.Context }

func (undated) Deadline() (deadline time.Time, ok bool) { return }

// tokens are unused cancel tokens, kept for reuse since each costs two descriptors.
type tokens struct {
	mu     sync.Mutex
	spare  []*C.acclient_cancel_token
	closed bool
}

func (t *tokens) get() (*C.acclient_cancel_token, error) {
	t.mu.Lock()
	if last := len(t.spare) - 1; last >= 0 {
		token := t.spare[last]
		t.spare = t.spare[:last]
		t.mu.Unlock()
		return token, nil
	}
	t.mu.Unlock()
	var token *C.acclient_cancel_token
	if err := plain(func(raw errorOut) status { return C.acclient_cancel_token_new(&token, raw) }); err != nil {
		return nil, err
	}
	live.Add(1)
	return token, nil
}

// put returns a token that no call uses any more.
func (t *tokens) put(token *C.acclient_cancel_token) {
	t.mu.Lock()
	keep := !t.closed && len(t.spare) < defaultConnections && !bool(C.acclient_cancel_token_is_cancelled(token))
	if keep {
		t.spare = append(t.spare, token)
	}
	t.mu.Unlock()
	if !keep {
		C.acclient_cancel_token_free(token)
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

// watch returns a token that is cancelled when the context is, until end is called.
func (t *tokens) watch(ctx context.Context) (token *C.acclient_cancel_token, end func(), err error) {
	token, err = t.get()
	if err != nil {
		return nil, nil, err
	}
	if ctx.Done() == nil {
		return token, func() { t.put(token) }, nil
	}
	ran := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ran)
		if !timedOut(ctx) {
			C.acclient_cancel_token_cancel(token)
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

// slot takes a slot for a call that may block in C, and returns the function that releases it. If closing over also
// ends the call, waiting for the slot ends then too; over may be nil.
func (c *Client) slot(ctx context.Context, over *handle) (free func(), err error) {
	slots := c.slotsFor(ctx)
	free = func() { <-slots }
	select {
	case slots <- struct{}{}:
		return free, nil
	default:
	}
	var gone chan struct{}
	if over != nil {
		gone = over.gone
	}
	select {
	case slots <- struct{}{}:
		return free, nil
	case <-c.handle.gone:
		return nil, c.handle.errClosed()
	case <-gone:
		return nil, over.errClosed()
	case <-ctx.Done():
		return nil, errContext(ctx, ErrPoolExhausted, "while all connections of the client were in use")
	}
}

// check returns an error for a client that is nil or zero.
func (c *Client) check() error {
	if c == nil || c.handle == nil {
		return errInvalid("nil or zero Client: expected one from Connect, Open, NewClient or Instance")
	}
	return nil
}

// do makes a call that may block: in a slot, with the client held and the context watched.
func (c *Client) do(ctx context.Context, f func(call *call, raw errorOut) status) error {
	return c.doOver(ctx, nil, func(_ unsafe.Pointer, call *call, raw errorOut) status { return f(call, raw) })
}

// doOver is do for a call that uses the object of over, and that closing over ends.
func (c *Client) doOver(
	ctx context.Context, over *handle, f func(ptr unsafe.Pointer, call *call, raw errorOut) status,
) error {
	if err := first(c.check(), check(ctx)); err != nil {
		return err
	}
	client, err := c.handle.acquire(nil)
	if err != nil {
		return err
	}
	defer c.handle.release(nil)
	free, err := c.slot(ctx, over)
	if err != nil {
		return err
	}
	defer free()
	var token *C.acclient_cancel_token
	if over != nil || ctx.Done() != nil {
		var end func()
		if token, end, err = c.tokens.watch(ctx); err != nil {
			return err
		}
		defer end()
	}
	var ptr unsafe.Pointer
	if over != nil {
		if ptr, err = over.acquire(token); err != nil {
			return err
		}
		defer over.release(token)
	}
	var raw *C.acclient_error
	code := f(ptr, &call{ctx, (*C.acclient_client)(client), token}, &raw)
	return closedBy(ctx, over, takeError(ctx, c, code, raw))
}

// closedBy replaces the error of the token by [ErrClosed] for a call that closing over has ended.
func closedBy(ctx context.Context, over *handle, err error) error {
	if known, ok := err.(*Error); ok && known.Code == ErrCancelled && ctx.Err() == nil && over != nil && over.isClosed() {
		known.Code, known.Message, known.cause = ErrClosed, over.errClosed().Message, nil
	}
	return err
}

// here makes a call that does not block, with the client held.
func (c *Client) here(f func(client *C.acclient_client, raw errorOut) status) error {
	if err := c.check(); err != nil {
		return err
	}
	ptr, err := c.handle.acquire(nil)
	if err != nil {
		return err
	}
	defer c.handle.release(nil)
	return plain(func(raw errorOut) status { return f((*C.acclient_client)(ptr), raw) })
}

// plain makes a call that neither blocks nor uses a client.
func plain(f func(raw errorOut) status) error {
	var raw *C.acclient_error
	code := f(&raw)
	return takeError(context.Background(), nil, code, raw)
}

// stream is a C iterator, with the deadline and the token of its context. A nil stream is one that was not opened.
type stream struct {
	ctx    context.Context
	client *Client
	handle *handle
	token  *C.acclient_cancel_token
	gate   gate
}

// open creates a C iterator, whose token lasts until it is closed. f returns the iterator and the function that
// frees it. If f blocks, the caller holds a slot.
func (c *Client) open(
	ctx context.Context, what string, f func(call *call, raw errorOut) (status, unsafe.Pointer, func()),
) (*stream, error) {
	if err := first(c.check(), check(ctx)); err != nil {
		return nil, err
	}
	client, err := c.handle.acquire(nil)
	if err != nil {
		return nil, err
	}
	defer c.handle.release(nil)
	token, end, err := c.tokens.watch(ctx)
	if err != nil {
		return nil, err
	}
	var raw *C.acclient_error
	code, ptr, free := f(&call{ctx, (*C.acclient_client)(client), token}, &raw)
	if err := takeError(ctx, c, code, raw); err != nil {
		end()
		return nil, err
	}
	opened := &stream{
		ctx:    ctx,
		client: c,
		handle: newHandle(what, ptr, func() { free(); end() }),
		token:  token,
		gate:   newGate(),
	}
	runtime.SetFinalizer(opened, func(s *stream) { s.handle.close() })
	return opened, nil
}

// next makes the call for the next item. Once the context has ended, it does not block and returns what is left: an
// error for each agent that did not answer.
func (s *stream) next(f func(ptr unsafe.Pointer, raw errorOut) status) error {
	if s == nil {
		return errInvalid("nil or zero iterator: expected one that was opened")
	}
	select {
	case s.gate <- struct{}{}:
		defer s.gate.unlock()
	case <-s.handle.gone:
		return s.handle.errClosed()
	}
	if s.client.handle.isClosed() {
		return s.client.handle.errClosed()
	}
	ptr, err := s.handle.acquire(s.token)
	if err != nil {
		return err
	}
	defer s.handle.release(s.token)
	slots := s.client.slots
	select {
	case slots <- struct{}{}:
	default:
		select {
		case slots <- struct{}{}:
		case <-s.handle.gone:
			return s.handle.errClosed()
		case <-s.ctx.Done():
			slots = quick
			slots <- struct{}{}
		case <-s.client.handle.gone:
			return s.client.handle.errClosed()
		}
	}
	defer func() { <-slots }()
	var raw *C.acclient_error
	code := f(ptr, &raw)
	return closedBy(s.ctx, s.handle, takeError(s.ctx, s.client, code, raw))
}

// look calls f with the object, unless it was closed. Another goroutine may be waiting with the object.
func (s *stream) look(f func(ptr unsafe.Pointer)) {
	if s == nil {
		return
	}
	if ptr, err := s.handle.acquire(nil); err == nil {
		defer s.handle.release(nil)
		f(ptr)
	}
}

func (s *stream) close() error {
	if s != nil {
		s.handle.close()
	}
	return nil
}

// gate lets one goroutine through at a time.
type gate chan struct{}

func newGate() gate { return make(gate, 1) }

// lock waits until the gate is free, the context ends, or one of the handles is closed.
func (g gate) lock(ctx context.Context, client, over *handle) error {
	select {
	case g <- struct{}{}:
		return nil
	case <-client.gone:
		return client.errClosed()
	case <-over.gone:
		return over.errClosed()
	case <-ctx.Done():
		return errContext(ctx, ErrTimeout, "while another goroutine used the "+over.what)
	}
}

func (g gate) unlock() { <-g }

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
