package acclient

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"testing"
)

// blocked is a call that waits without a deadline, with the Close that wakes it.
type blocked struct {
	wait  func() error
	close func() error
	gate  gate
}

func TestCloseWakesEveryBlockedCall(t *testing.T) {
	helper := client(t)
	sleeping := submit(t, helper.Execute(Agent(1, 1), "sleep", "600"))
	job := running(t, sleeping)[0]
	never := context.Background()
	results := func(c *Client) blocked {
		command := found(t, c, sleeping)
		opened := got[*Results](t)(command.OpenResults(never))
		must(t, command.Close())
		return blocked{func() error { return failure(opened.Next()) }, opened.Close, opened.stream.gate}
	}
	rollout := func(c *Client) blocked {
		request := c.Execute(AgentID{2, 1}.Target(), "sleep", "600")
		opened := got[*Rollout](t)(request.OpenRollout(never, RolloutPlan{Agents: 1}))
		return blocked{func() error { return failure(opened.Next()) }, opened.Close, opened.stream.gate}
	}
	follow := func(c *Client) blocked {
		ours := *job
		ours.client = c
		opened := got[*Follow](t)(ours.OpenFollow(never, MsgQuery{}))
		return blocked{func() error { return failure(opened.Next()) }, opened.Close, opened.stream.gate}
	}
	command := func(c *Client) blocked {
		command := found(t, c, sleeping)
		return blocked{func() error { return failure(command.NextResult(never)) }, command.Close, command.gate}
	}
	for name, open := range map[string]func(c *Client) blocked{
		"Results": results, "Rollout": rollout, "Follow": follow, "Command": command,
	} {
		for _, all := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				held, goroutines := live.Load(), runtime.NumGoroutine()
				c := got[*Client](t)(Connect(ctx(t), gridURL(t)))
				call := open(c)
				const waiting = 3
				ended := make(chan error, waiting)
				for range waiting {
					go func() { ended <- call.wait() }()
				}
				eventually(t, "one call is in C", func() bool { return len(call.gate) == 1 && len(c.slots) == 1 })
				if all {
					must(t, c.Close())
				} else {
					must(t, call.close())
				}
				for range waiting {
					wants(t, <-ended, ErrClosed)
				}
				wants(t, call.wait(), ErrClosed)
				must(t, call.close())
				must(t, c.Close())
				eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines })
				eventually(t, "C objects are freed", func() bool {
					collect()
					return live.Load() <= held
				})
			})
		}
	}
	// The jobs of the rollouts are still running.
	for _, process := range got[[]ProcessStats](t)(helper.Processes(ctx(t), AgentID{2, 1}, ProcessQuery{Name: "sleep"})) {
		var sent struct{ ID string }
		must(t, json.Unmarshal(process.Cmd, &sent))
		command := got[*Command](t)(helper.GetByID(sent.ID))
		kill(t, command)
		must(t, command.Close())
	}
	kill(t, sleeping)
}

// The error is that of the first of the two.
func TestCloseWhileTheContextIsCancelled(t *testing.T) {
	c := client(t)
	command := submit(t, c.Execute(Agent(1, 1), "sleep", "600"))
	cancellable, cancel := context.WithCancel(context.Background())
	results := got[*Results](t)(command.OpenResults(cancellable))
	ended := make(chan error)
	go func() { ended <- failure(results.Next()) }()
	eventually(t, "it waits", func() bool { return len(results.stream.gate) == 1 && len(c.slots) == 1 })
	cancel()
	must(t, results.Close())
	if err := <-ended; !errors.Is(err, context.Canceled) && !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	kill(t, command)
}

// found looks up a command by its handle string.
func found(t testing.TB, c *Client, command *Command) *Command {
	t.Helper()
	again := got[*Command](t)(c.GetByHandle(command.Handle()))
	t.Cleanup(func() { again.Close() })
	return again
}

// failure is the error of a call.
func failure[T any](_ T, err error) error { return err }
