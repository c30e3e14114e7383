// Package acclient is a client for AgentController8: it runs commands on a grid of agents through Redis and reads
// their results. It calls the C library libacclient through cgo; see Installation below.
//
//	package main
//
//	import (
//		"context"
//		"fmt"
//		"log"
//		"time"
//
//		acclient "github.com/acclient/acclient/go"
//	)
//
//	func main() {
//		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
//		defer cancel()
//		client, err := acclient.Connect(ctx, "redis://localhost")
//		if err != nil {
//			log.Fatal(err)
//		}
//		defer client.Close()
//		job, err := client.Execute(acclient.Agent(1, 1), "uname", "-a").Run(ctx)
//		if err != nil {
//			log.Fatal(err)
//		}
//		fmt.Print(job.Stdout)
//	}
//
// # Installation
//
// Building a program that imports the package requires cgo with a C compiler, pkg-config, and libacclient. "make
// install" in the source tree of acclient installs the library together with this package. The module is not
// published yet, so go.mod must replace it with the directory of the package:
//
//	go mod edit -replace github.com/acclient/acclient/go=/usr/local/share/acclient/go
//	go mod tidy
//
// If pkg-config does not search the prefix of the library, set PKG_CONFIG_PATH to its directory lib/pkgconfig when
// building.
//
// # Linking
//
// Programs are linked with the shared library by default, which the dynamic linker must find when the program
// starts. It looks for the SONAME, libacclient.so.0.1: before 1.0 each minor version may break the ABI and has its
// own SONAME. It searches the configured directories (run ldconfig after an installation), LD_LIBRARY_PATH, and the
// run path of the program, which is set when building:
//
//	go build -ldflags '-r /opt/acclient/lib'
//	go build -ldflags '-r $ORIGIN/../lib'     # relative to the directory of the program
//
// The build tag acclient_static links libacclient.a, so that the program needs no libacclient at run time:
//
//	go build -tags acclient_static
//
// [Connect], [Open], [NewClient] and [Instance] fail with [ErrUnsupported] if the loaded library does not match this
// package, which has its own copy of the header; see [CheckVersion].
//
// README.md in the directory of the package covers vendoring, workspaces, Docker, machines without Rust, and build
// errors.
//
// # Commands and results
//
// A [Request] is a command to be sent; [Client.Execute], [Client.Bash] and [Client.Cmd] create one for a [Target].
// [Request.Run] sends it and waits for the result of one agent. For many agents, [Request.RunAll] returns all results
// at once, and [Request.Rollout] sends the command in batches. [Request.Submit] returns a [Command], whose
// [Command.Results] yields each result as it completes. [Command.Handle] is a string by which [Client.GetByHandle]
// looks up the command in any program.
//
// # Contexts
//
// Every call that may block takes a context. The deadline of the context is the deadline of the whole call, and
// cancelling the context ends the call at once. Without a deadline, the call has no timeout.
//
// # Errors
//
// Errors are of type *[Error], except for [io.EOF] at the end of results. [errors.Is] matches their kinds:
// [ErrTimeout], [ErrNoSuchAgent] and so on. An error caused by a context also matches the error of that context:
// [context.DeadlineExceeded] or [context.Canceled], and [context.Cause]. A command that Redis did not confirm before
// the deadline, for example, is both [ErrMaybeSent] and [context.DeadlineExceeded].
//
// A nil context, a nil pointer and a zero [Client], [Request], [Command], [Job], [Results], [Rollout], [Follow] or
// [Target] return [ErrInvalidArgument].
//
// # Goroutines
//
// Goroutines may share all values, except for changing the fields of a [Request] while a call uses it. If several
// goroutines wait for the results of one [Command], each result goes to one of them. The number of goroutines that
// block in C for results is limited to the client's connections; the others wait in Go and occupy no threads.
//
// # Closing
//
// [Client], [Command], [Results], [Rollout] and [Follow] hold C memory and must be closed; everything else is plain
// Go. Close wakes every call that is blocked on the value, in any goroutine, and these calls return [ErrClosed]. It
// may be called at any time and more than once.
package acclient
