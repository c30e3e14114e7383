//go:build acclient_static

package acclient

// The archive is named in full, since the linker prefers a shared library in the same directory and -Bstatic would
// also affect the libraries after it. With --as-needed, the -lacclient that pkg-config prints has no effect.
//
// On Linux the system libraries are listed here: Libs.private contains libgcc_s, which has no archive, so programs
// could not be linked with -static. The C compiler adds the matching libgcc.

// #cgo !darwin LDFLAGS: -Wl,--as-needed -l:libacclient.a
// #cgo linux LDFLAGS: -lutil -lrt -lpthread -lm -ldl
// #cgo linux pkg-config: acclient
// #cgo !linux pkg-config: --static acclient
import "C"
