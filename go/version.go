package acclient

// #include <acclient.h>
import "C"

import "fmt"

// Version is the version of the C library that runs, like "0.1.0".
func Version() string {
	return C.GoString(C.acclient_version())
}

// CheckVersion tells whether the C library that runs fits the header that this package was compiled
// with. [Connect], [Open] and [Instance] ask too. The error is an [ErrUnsupported].
func CheckVersion() error {
	return checkVersion(C.ACCLIENT_VERSION_MAJOR, C.ACCLIENT_VERSION_MINOR, C.ACCLIENT_VERSION_PATCH)
}

func checkVersion(major, minor, patch uint32) error {
	status := C.acclient_check_version(C.uint32_t(major), C.uint32_t(minor), C.uint32_t(patch))
	if status == C.ACCLIENT_OK {
		return nil
	}
	text := fmt.Sprintf("libacclient is %s, and the program was compiled for %d.%d.%d",
		Version(), major, minor, patch)
	return &Error{Code: Code(status), Message: text}
}
