package acclient

// #include "acclient.h"
import "C"

import (
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// live counts the C objects that this package holds, for the tests.
var live atomic.Int64

// own counts a C object until the returned function frees it.
func own(free func()) func() {
	live.Add(1)
	return func() {
		free()
		live.Add(-1)
	}
}

// handle holds a C object that goroutines use while others may close it. The object is freed once the handle is
// closed and has no users.
type handle struct {
	what string
	free func()
	// gone is closed with the handle.
	gone chan struct{}

	mu     sync.Mutex
	ptr    unsafe.Pointer
	users  int
	closed bool
	// tokens of calls in progress, which closing the handle cancels.
	tokens []*C.acclient_cancel_token
}

func newHandle(what string, ptr unsafe.Pointer, free func()) *handle {
	return &handle{what: what, ptr: ptr, free: own(free), gone: make(chan struct{})}
}

// acquire returns the object for use until release, which takes the same token. Closing the handle meanwhile
// cancels the token, which may be nil.
func (h *handle) acquire(token *C.acclient_cancel_token) (unsafe.Pointer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, h.errClosed()
	}
	h.users++
	if token != nil {
		h.tokens = append(h.tokens, token)
	}
	return h.ptr, nil
}

func (h *handle) release(token *C.acclient_cancel_token) {
	h.mu.Lock()
	h.users--
	if at := slices.Index(h.tokens, token); at >= 0 {
		h.tokens = slices.Delete(h.tokens, at, at+1)
	}
	last := h.closed && h.users == 0
	h.mu.Unlock()
	if last {
		h.free()
	}
}

// close cancels the calls that use the object, and frees it now or when its last user releases it. Later calls do
// nothing.
func (h *handle) close() {
	h.mu.Lock()
	first := !h.closed
	h.closed = true
	last := first && h.users == 0
	if first {
		close(h.gone)
		for _, token := range h.tokens {
			C.acclient_cancel_token_cancel(token)
		}
	}
	h.mu.Unlock()
	if last {
		h.free()
	}
}

func (h *handle) isClosed() bool {
	select {
	case <-h.gone:
		return true
	default:
		return false
	}
}

func (h *handle) errClosed() *Error {
	return &Error{Code: ErrClosed, Message: "the " + h.what + " was closed"}
}

// shared returns a function that frees a C list on its last of count calls, one for each borrowed item.
func shared(count int, free func()) (drop func()) {
	var left atomic.Int64
	left.Store(int64(count))
	return func() {
		if left.Add(-1) == 0 {
			free()
		}
	}
}
