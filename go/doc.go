// Package acclient runs commands on a grid of AgentController8 and gets their results.
//
// It is a thin layer of cgo over the C library of the same name, which pkg-config has to find:
//
//	client, err := acclient.Connect(ctx, "redis://localhost")
//	job, err := client.Execute(acclient.Agent(1, 1), "uname", "-a").Run(ctx)
//	fmt.Print(job.Stdout)
//
// What holds for all of it:
//
//   - Every call that may block takes a context. Its deadline is the deadline of the whole call, its
//     cancellation ends the call at once. A context without a deadline waits for ever.
//   - Errors are of the type *[Error]; errors.Is knows their kinds ([ErrTimeout], [ErrNoSuchAgent], ...),
//     and context.Canceled or context.DeadlineExceeded where the context was the reason.
//   - Everything may be used by any number of goroutines at a time. A [Command] that several
//     goroutines wait with gives each result to one of them.
//   - A [Client], a [Command], a [Results] and a [Rollout] hold memory of C until they are closed;
//     closing one that is in use is safe, and so is closing twice. Everything else is plain Go.
//   - At most as many goroutines as a client may have connections are inside of C at a time; the others
//     wait in Go, and take no threads.
//
// The build tag acclient_static links with libacclient.a.
package acclient
