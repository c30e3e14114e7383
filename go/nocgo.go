//go:build !cgo

package acclient

// The package calls the C library libacclient, so it needs cgo and a C compiler. Without cgo the compiler
// excludes every file that imports "C", and reports only this undefined name.
var _ = acclient_needs_cgo_set_CGO_ENABLED_1_and_install_a_C_compiler
