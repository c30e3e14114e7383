package acclient

// #include "acclient.h"
import "C"

import "fmt"

// Version returns the version of the loaded C library, like "0.1.0".
func Version() string {
	return C.GoString(C.acclient_version())
}

// CheckVersion checks that the loaded C library is compatible with the header that this package was compiled with,
// and returns an [ErrUnsupported] if not. [Connect], [Open], [NewClient] and [Instance] call it.
func CheckVersion() error {
	return checkVersion(C.ACCLIENT_VERSION_MAJOR, C.ACCLIENT_VERSION_MINOR, C.ACCLIENT_VERSION_PATCH)
}

func checkVersion(major, minor, patch uint32) error {
	code := C.acclient_check_version(C.uint32_t(major), C.uint32_t(minor), C.uint32_t(patch))
	if code == C.ACCLIENT_OK {
		return nil
	}
	text := fmt.Sprintf("incompatible libacclient %s: the program was compiled for %d.%d.%d",
		Version(), major, minor, patch)
	return &Error{Code: Code(code), Message: text}
}
