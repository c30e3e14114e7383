package acclient

// #include <stdlib.h>
// #include <acclient.h>
import "C"

import (
	"fmt"
	"strings"
	"unsafe"
)

// lent is text of Go as C takes it, for as long as a call lasts. It has to be freed.
type lent struct {
	memory []unsafe.Pointer
	err    error
}

func (l *lent) free() {
	for _, memory := range l.memory {
		C.free(memory)
	}
	l.memory = nil
}

// name gives a text that ends with a NUL; one that holds a NUL is refused, since C would cut it off.
func (l *lent) name(what, text string) *C.char {
	if at := strings.IndexByte(text, 0); at >= 0 && l.err == nil {
		l.err = &Error{
			Code:    ErrInvalidArgument,
			Message: fmt.Sprintf("%s holds a NUL at byte %d", what, at),
		}
	}
	copied := C.CString(text)
	l.memory = append(l.memory, unsafe.Pointer(copied))
	return copied
}

// optional gives NULL for an empty text.
func (l *lent) optional(what, text string) *C.char {
	if text == "" {
		return nil
	}
	return l.name(what, text)
}

func (l *lent) names(what string, texts []string) (**C.char, C.size_t) {
	if len(texts) == 0 {
		return nil, 0
	}
	memory := l.zeroed(len(texts))
	list := unsafe.Slice((**C.char)(memory), len(texts))
	for index, text := range texts {
		list[index] = l.name(what, text)
	}
	return (**C.char)(memory), C.size_t(len(texts))
}

// zeroed gives room for so many pointers.
func (l *lent) zeroed(count int) unsafe.Pointer {
	memory := C.calloc(C.size_t(count), C.size_t(unsafe.Sizeof(uintptr(0))))
	l.memory = append(l.memory, memory)
	return memory
}

// payload gives the bytes of a text where they are: C copies them while the call lasts.
func payload(text string) (*C.char, C.size_t) {
	if text == "" {
		return nil, 0
	}
	return (*C.char)(unsafe.Pointer(unsafe.StringData(text))), C.size_t(len(text))
}

// field gives the name of a field, which ends with a NUL already.
func field(name string) *C.char {
	return (*C.char)(unsafe.Pointer(unsafe.StringData(name)))
}

// copied gives a text of C with all its bytes; "" for NULL.
func copied(text *C.char, length C.size_t) string {
	if text == nil || length == 0 {
		return ""
	}
	return string(unsafe.Slice((*byte)(unsafe.Pointer(text)), uint64(length)))
}
