//go:build acclient_static

package acclient

// The archive is named in full, since the linker prefers a shared library that lies beside it, and -Bstatic would
// outlast the library that it is for. With --as-needed, the -lacclient that pkg-config prints adds nothing.
//
// On Linux the system libraries stand here: Libs.private has libgcc_s, of which there is no archive, so a program
// could not be linked with -static. The C compiler adds the libgcc that fits.

// #cgo !darwin LDFLAGS: -Wl,--as-needed -l:libacclient.a
// #cgo linux LDFLAGS: -lutil -lrt -lpthread -lm -ldl
// #cgo linux pkg-config: acclient
// #cgo !linux pkg-config: --static acclient
import "C"
