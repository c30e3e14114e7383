package acclient

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

func TestCancelEndsAWaitAtOnce(t *testing.T) {
	c := client(t)
	command := submit(t, c.Execute(Agent(1, 1), "sleep", "600"))
	for _, wait := range []func(ctx context.Context) error{
		func(ctx context.Context) error { _, err := command.NextResult(ctx); return err },
		func(ctx context.Context) error { _, err := c.Execute(Agent(1, 1), "sleep", "600").Run(ctx); return err },
		func(ctx context.Context) error {
			for _, err := range c.WaitAny(ctx, command) {
				return err
			}
			return nil
		},
	} {
		why := errors.New("reason")
		cancellable, cancel := context.WithCancelCause(context.Background())
		var cancelled time.Time
		called := make(chan struct{})
		go func() {
			defer close(called)
			eventually(t, "it waits", func() bool { return len(c.slots) == 1 })
			cancelled = time.Now()
			cancel(why)
		}()
		err := wait(cancellable)
		ended := time.Now()
		<-called
		wants(t, err, ErrCancelled, context.Canceled, why)
		if took := ended.Sub(cancelled); took > late {
			t.Fatalf("it ended after %v", took)
		}
	}
	// Cancelled tokens are not reused; others are.
	must(t, c.Ping(ctx(t)))
	kill(t, command)
}

func TestDeadlines(t *testing.T) {
	c := client(t)
	command := submit(t, c.Execute(Agent(1, 1), "sleep", "600"))
	short, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := command.NextResult(short)
	wants(t, err, ErrTimeout, context.DeadlineExceeded)
	if took := time.Since(begun); took < 100*time.Millisecond || took > late {
		t.Fatalf("it took %v", took)
	}
	_, err = command.NextResult(short)
	wants(t, err, ErrTimeout, context.DeadlineExceeded)
	kill(t, command)
	// A context without a deadline that cannot be cancelled.
	equal(t, "state", got[*Job](t)(command.NextResult(context.Background())).State, StateKilled)
}

func TestFiveThousandWaitingGoroutinesUseFewThreads(t *testing.T) {
	c := client(t)
	printed := submit(t, c.Execute(Agent(1, 1), "sleep", "600"))
	before := threads(t)
	const count = 5000
	cancellable, cancel := context.WithCancel(context.Background())
	var begun, ended sync.WaitGroup
	errs := make(chan error, count)
	for range count {
		begun.Add(1)
		ended.Add(1)
		go func() {
			defer ended.Done()
			command, err := c.GetByHandle(printed.String())
			begun.Done()
			if err == nil {
				defer command.Close()
				_, err = command.NextResult(cancellable)
			}
			errs <- err
		}()
	}
	begun.Wait()
	eventually(t, "all slots are taken", func() bool { return len(c.slots) == cap(c.slots) })
	during := threads(t)
	// The calls in C, and some threads of Go.
	if during > before+cap(c.slots)+32 {
		t.Errorf("%d threads, %d before", during, before)
	}
	at := time.Now()
	cancel()
	ended.Wait()
	if took := time.Since(at); took > late {
		t.Errorf("all ended after %v", took)
	}
	t.Logf("%d goroutines waited in %d threads (%d before), and ended in %v", count, during, before, time.Since(at))
	for range count {
		wants(t, <-errs, ErrCancelled, context.Canceled)
	}
	kill(t, printed)
}

func TestContextEndsTheWaitForASlot(t *testing.T) {
	c := got[*Client](t)(Open(ctx(t), Options{URL: gridURL(t), MaxConnections: 1}))
	defer c.Close()
	command := submit(t, c.Execute(Agent(1, 1), "sleep", "600"))
	cancellable, cancel := context.WithCancel(context.Background())
	waited := make(chan error)
	go func() {
		_, err := command.NextResult(cancellable)
		waited <- err
	}()
	eventually(t, "it waits", func() bool { return len(c.slots) == 1 })
	short, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	other := got[*Command](t)(c.GetByHandle(command.String()))
	defer other.Close()
	_, err := other.NextResult(short)
	wants(t, err, ErrPoolExhausted, context.DeadlineExceeded)
	equal(t, "timeout", err.(*Error).Timeout(), false)
	_, err = command.NextResult(short)
	wants(t, err, ErrTimeout, context.DeadlineExceeded)
	cancel()
	wants(t, <-waited, ErrCancelled)
	kill(t, command)
}

func TestWaitsDoNotDelayOtherCalls(t *testing.T) {
	c := got[*Client](t)(Open(ctx(t), Options{URL: gridURL(t), MaxConnections: 4}))
	defer c.Close()
	command := submit(t, c.Execute(Agent(1, 1), "sleep", "600"))
	cancellable, cancel := context.WithCancel(context.Background())
	const count = 40
	errs := make(chan error, count)
	for index := range count {
		go func() {
			own, err := c.GetByHandle(command.String())
			if err == nil {
				defer own.Close()
				switch index % 4 {
				case 0:
					_, err = own.NextResult(cancellable)
				case 1:
					for _, err = range own.Results(cancellable) {
					}
				case 2:
					_, err = c.Execute(Agent(1, 1), "sleep", "600").Run(cancellable)
				default:
					_, err = (&Job{client: c, ID: command.ID(), Agent: AgentID{1, 1}}).Wait(cancellable)
				}
			}
			errs <- err
		}()
	}
	eventually(t, "all slots are taken", func() bool { return len(c.slots) == cap(c.slots) })
	for range 10 {
		must(t, c.Ping(ctx(t)))
		must(t, c.PingAgent(ctx(t), AgentID{1, 2}))
		brief := submit(t, c.Execute(Agent(1, 2), "true"))
		eventually(t, "there is a result", func() bool {
			_, err := brief.TryNextResult(ctx(t))
			return err == nil
		})
		got[[]*Job](t)(command.Jobs(ctx(t)))
		must(t, brief.Close())
	}
	statistics := got[*Statistics](t)(c.Statistics())
	if statistics.OpenConnections > 6 {
		t.Errorf("%d connections are open", statistics.OpenConnections)
	}
	cancel()
	for range count {
		if err := <-errs; err == nil {
			t.Error("a wait ended with a result")
		}
	}
	kill(t, command)
}

func TestCloseWhileGoroutinesWait(t *testing.T) {
	c := got[*Client](t)(Open(ctx(t), Options{URL: gridURL(t), MaxConnections: 4}))
	command := submit(t, c.Execute(Agent(1, 1), "sleep", "600"))
	printed := command.String()
	const count = 40
	errs := make(chan error, count)
	for index := range count {
		go func() {
			own, err := c.GetByHandle(printed)
			if err == nil {
				if index%2 == 0 {
					_, err = own.NextResult(context.Background())
				} else {
					for _, err = range own.Results(ctx(t)) {
					}
				}
				own.Close()
			}
			errs <- err
		}()
	}
	eventually(t, "all slots are taken", func() bool { return len(c.slots) == cap(c.slots) })
	must(t, command.Close())
	must(t, c.Close())
	for range count {
		wants(t, <-errs, ErrClosed)
	}
	other := client(t)
	again := got[*Command](t)(other.GetByHandle(printed))
	defer again.Close()
	kill(t, again)
}

func TestGoroutinesShareTheResultsOfACommand(t *testing.T) {
	c := client(t)
	command := submit(t, c.Execute(All(), "true"))
	var wait sync.WaitGroup
	jobs := make(chan *Job, 10)
	for range 10 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			if job, err := command.NextResult(ctx(t)); err == nil {
				jobs <- job
			}
		}()
	}
	wait.Wait()
	equal(t, "results, each once", len(jobs), 3)
}

func TestNoLeaks(t *testing.T) {
	held, open := live.Load(), descriptors(t)
	var resident int
	for round := range 6 {
		if round == 3 {
			resident = memory(t)
		}
		c := got[*Client](t)(Connect(ctx(t), gridURL(t)))
		for range 10 {
			request := c.Execute(Agent(1, 1), "echo", "x")
			request.RunArgs.Domain = "leaks"
			job := got[*Job](t)(request.Run(ctx(t)))
			got[*Job](t)(job.Refresh(ctx(t)))
			got[[]Message](t)(job.Msgs(ctx(t), MsgQuery{}))
			wants(t, c.PingAgent(ctx(t), AgentID{0, 0}), ErrInvalidArgument)
			cancellable, cancel := context.WithCancel(context.Background())
			command := got[*Command](t)(c.Execute(Agent(1, 1), "sleep", "0.02").Submit(ctx(t)))
			go cancel()
			if _, err := command.NextResult(cancellable); err != nil {
				wants(t, err, ErrCancelled)
			}
			for range command.Results(ctx(t)) {
				break
			}
			_ = command.Close()
		}
		all := got[*Collected](t)(c.Bash(All(), "true").RunAll(ctx(t), false))
		must(t, all.Command.Close())
		got[[]OutcomeOf](t)(c.AllProcesses(ctx(t), ProcessQuery{}))
		must(t, c.Close())
	}
	equal(t, "C objects in use", live.Load(), held)
	eventually(t, "descriptors are closed", func() bool { return descriptors(t) <= open })
	if grown := memory(t) - resident; grown > 32<<20 {
		t.Errorf("memory grew by %d bytes", grown)
	}
}

// OutcomeOf is the outcome type of AllProcesses.
type OutcomeOf = Outcome[[]ProcessStats]

// Commands that a program does not close are freed by the garbage collector.
func TestForgottenCommandsAreFreed(t *testing.T) {
	c := client(t)
	held := live.Load()
	for range 10 {
		_ = got[*Command](t)(c.GetByID("forgotten"))
	}
	eventually(t, "they are freed", func() bool {
		collect()
		return live.Load() <= held
	})
}
