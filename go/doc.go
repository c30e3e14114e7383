// Package acclient is a client of AgentController8: it runs commands on a grid of agents and reads their
// results, through Redis. It calls the C library libacclient through cgo; see Installation below.
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
// A program that imports the package is built with cgo, which needs a C compiler, with pkg-config, and with
// libacclient. "make install" in the source tree of acclient installs the library and, beside it, this package. The
// module is not published yet, so go.mod has to replace it with the directory of the package:
//
//	go mod edit -replace github.com/acclient/acclient/go=/usr/local/share/acclient/go
//	go mod tidy
//
// If the library is installed in a prefix that pkg-config does not search, set PKG_CONFIG_PATH to the directory
// lib/pkgconfig of that prefix when building.
//
// # Linking
//
// By default a program is linked with the shared library, and the dynamic linker has to find that when the program
// starts. It looks for the SONAME, libacclient.so.0.1: before 1.0 each minor version has one of its own, since it
// may break the ABI. It looks in the directories that it is configured for (run ldconfig after an installation), in
// LD_LIBRARY_PATH, and in the run path of the program, which is set when building:
//
//	go build -ldflags '-r /opt/acclient/lib'
//	go build -ldflags '-r $ORIGIN/../lib'     # relative to the directory of the program
//
// The build tag acclient_static links libacclient.a into the program, which then needs no libacclient at run time:
//
//	go build -tags acclient_static
//
// [Connect], [Open], [NewClient] and [Instance] fail with [ErrUnsupported] if the library that is loaded does not
// match this package, which has its own copy of the header; see [CheckVersion].
//
// README.md in the directory of the package covers vendoring, workspaces, Docker, machines without Rust, and what to
// do about errors of the build.
//
// # Commands and results
//
// A [Request] is a command before it is sent: [Client.Execute], [Client.Bash] and [Client.Cmd] make one for a
// [Target]. [Request.Run] sends it and waits for the result of one agent. For many agents, [Request.RunAll]
// returns everything at once, and [Request.Rollout] sends the command in batches. [Request.Submit] returns a
// [Command], whose [Command.Results] yields each result as it completes. [Command.Handle] is a string by which
// [Client.GetByHandle] finds the command again, in this program or another.
//
// # Contexts
//
// Every call that may block takes a context. The deadline of the context is the deadline of the whole call,
// and cancelling it ends the call at once. A call whose context has no deadline waits without a timeout.
//
// # Errors
//
// Errors are of type *[Error], except for [io.EOF] at the end of results. [errors.Is] matches their kinds:
// [ErrTimeout], [ErrNoSuchAgent] and so on. An error that a context caused matches the error of that context
// too, whatever its kind: [context.DeadlineExceeded] or [context.Canceled], and [context.Cause]. A command that
// Redis did not confirm before the deadline, for example, is both [ErrMaybeSent] and
// [context.DeadlineExceeded].
//
// A nil context, a nil pointer and a zero value of [Client], [Request], [Command], [Job], [Results], [Rollout],
// [Follow] or [Target] give an [ErrInvalidArgument].
//
// # Goroutines
//
// Everything may be used by any number of goroutines at a time, except for the fields of a [Request] while a
// call uses it. If several goroutines wait for the results of one [Command], each result goes to one of them.
// At most as many goroutines as the client may have connections block in C; the others wait in Go and take no
// threads.
//
// # Closing
//
// [Client], [Command], [Results], [Rollout] and [Follow] hold memory of C and have to be closed; everything
// else is plain Go. Close wakes every call that is blocked on the value, in any goroutine, and these calls
// return [ErrClosed]. It may be called at any time and more than once.
package acclient
