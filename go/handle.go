package acclient

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// live counts the C objects that this package holds, for the tests.
var live atomic.Int64

// own counts a C object until what it returns is called, which frees it.
func own(free func()) func() {
	live.Add(1)
	return func() {
		free()
		live.Add(-1)
	}
}

// handle holds a C object that goroutines use while others may close it: it is freed when it is
// closed and nobody uses it any more.
type handle struct {
	mu     sync.Mutex
	ptr    unsafe.Pointer
	users  int
	closed bool
	free   func()
}

func newHandle(ptr unsafe.Pointer, free func()) *handle {
	return &handle{ptr: ptr, free: own(free)}
}

// acquire gives the object for use until release; nil once the handle is closed.
func (h *handle) acquire() unsafe.Pointer {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	h.users++
	return h.ptr
}

func (h *handle) release() {
	h.mu.Lock()
	h.users--
	last := h.closed && h.users == 0
	h.mu.Unlock()
	if last {
		h.free()
	}
}

// close frees the object, now or when its last user has released it. Later calls do nothing.
func (h *handle) close() {
	h.mu.Lock()
	first := !h.closed
	h.closed = true
	last := first && h.users == 0
	h.mu.Unlock()
	if last {
		h.free()
	}
}

// shared is a C list whose items are borrowed: it is freed with the last of them.
func shared(count int, free func()) (drop func()) {
	var left atomic.Int64
	left.Store(int64(count))
	return func() {
		if left.Add(-1) == 0 {
			free()
		}
	}
}
