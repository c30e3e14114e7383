package acclient

// #include <stdlib.h>
// #include "acclient.h"
import "C"

import (
	"encoding/json"
	"fmt"
	"strings"
	"unsafe"
)

// arguments are Go values converted for C, valid until free. err is the first failure, after which no call is made.
type arguments struct {
	memory []unsafe.Pointer
	err    error
}

func (a *arguments) free() {
	for _, memory := range a.memory {
		C.free(memory)
	}
	a.memory = nil
}

// fail keeps an error unless there is an earlier one; nil is no error.
func (a *arguments) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

// call makes a call that neither blocks nor uses a client.
func (a *arguments) call(f func(raw errorOut) status) {
	if a.err != nil {
		return
	}
	a.fail(plain(f))
}

// set makes a call with a text, unless the text is empty.
func (a *arguments) set(what, text string, f func(text *C.char, raw errorOut) status) {
	if text != "" {
		a.add(what, text, f)
	}
}

// number makes a call with a number, unless it is 0.
func (a *arguments) number(number int64, f func(number C.int64_t, raw errorOut) status) {
	if number != 0 {
		a.call(func(raw errorOut) status { return f(C.int64_t(number), raw) })
	}
}

// add makes a call with a text, which may be empty.
func (a *arguments) add(what, text string, f func(text *C.char, raw errorOut) status) {
	lent := a.text(what, text)
	a.call(func(raw errorOut) status { return f(lent, raw) })
}

// checkText returns an error for text that contains a NUL, which C would truncate.
func checkText(what, text string) error {
	if at := strings.IndexByte(text, 0); at >= 0 {
		return errInvalid(fmt.Sprintf("invalid %s: NUL at byte %d", what, at))
	}
	return nil
}

// text returns a NUL-terminated copy of a text.
func (a *arguments) text(what, text string) *C.char {
	a.fail(checkText(what, text))
	lent := C.CString(text)
	a.memory = append(a.memory, unsafe.Pointer(lent))
	return lent
}

func (a *arguments) texts(what string, texts []string) (**C.char, C.size_t) {
	list := pointers[*C.char](a, len(texts))
	for index, text := range texts {
		list[index] = a.text(what, text)
	}
	return unsafe.SliceData(list), C.size_t(len(list))
}

// json returns a value as JSON; NULL for nil.
func (a *arguments) json(what string, value any) *C.char {
	if value == nil {
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		a.fail(errInvalid("invalid " + what + ": " + err.Error()))
	}
	return a.text(what, string(text))
}

// pointers returns a list of NULL pointers in C memory.
func pointers[P any](a *arguments, count int) []P {
	if count == 0 {
		return nil
	}
	memory := C.calloc(C.size_t(count), C.size_t(unsafe.Sizeof(uintptr(0))))
	a.memory = append(a.memory, memory)
	return unsafe.Slice((*P)(memory), count)
}

// build creates a C object, sets it up, and returns it with the function that frees it.
func build[P any](
	create func(ptr *P, raw errorOut) status, free func(ptr P), set func(args *arguments, ptr P),
) (ptr P, release func(), err error) {
	var args arguments
	defer args.free()
	if err := plain(func(raw errorOut) status { return create(&ptr, raw) }); err != nil {
		return ptr, nil, err
	}
	release = own(func() { free(ptr) })
	set(&args, ptr)
	if args.err != nil {
		release()
		return ptr, nil, args.err
	}
	return ptr, release, nil
}

// payload returns the bytes of a text in place: C copies them during the call.
func payload(text string) (*C.char, C.size_t) {
	if text == "" {
		return nil, 0
	}
	return (*C.char)(unsafe.Pointer(unsafe.StringData(text))), C.size_t(len(text))
}

// field returns the name of a field, which is already NUL-terminated.
func field(name string) *C.char {
	return (*C.char)(unsafe.Pointer(unsafe.StringData(name)))
}

// copied returns a copy of a C text, including NULs; "" for NULL.
func copied(text *C.char, length C.size_t) string {
	if text == nil || length == 0 {
		return ""
	}
	return string(unsafe.Slice((*byte)(unsafe.Pointer(text)), uint64(length)))
}
