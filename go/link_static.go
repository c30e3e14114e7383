//go:build acclient_static

package acclient

// The archive comes first and leaves nothing to be found in a shared library that lies beside it.

// #cgo LDFLAGS: -Wl,--as-needed -Wl,-Bstatic -lacclient -Wl,-Bdynamic
// #cgo pkg-config: --static acclient
import "C"
