//go:build !acclient_static

package acclient

// #cgo pkg-config: acclient
import "C"
