package acclient

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// ending returns the first error of an iterator.
func ending[T any](items iter.Seq2[T, error]) error {
	for _, err := range items {
		if err != nil {
			return err
		}
	}
	return nil
}

// blockingCalls returns the calls that may block, with arguments that make each of them talk to Redis.
func blockingCalls(t *testing.T, c *Client, where string, sent *Command) map[string]func(ctx context.Context) error {
	agent := AgentID{1, 1}
	request := c.Bash(agent.Target(), "true")
	own := func(f func(command *Command) error) error {
		command, err := c.GetByHandle(sent.Handle())
		if err != nil {
			return err
		}
		defer command.Close()
		return f(command)
	}
	job := &Job{client: c, ID: sent.ID(), Agent: agent}
	tunnel := Tunnel{Gateway: "2.1", IP: "127.0.0.1", Remote: 1}
	type ctxt = context.Context
	return map[string]func(ctx ctxt) error{
		"Connect":                     func(ctx ctxt) error { return failure(Connect(ctx, where)) },
		"Open":                        func(ctx ctxt) error { return failure(Open(ctx, Options{URL: where})) },
		"Instance":                    func(ctx ctxt) error { return failure(Instance(ctx, "main")) },
		"Client.Ping":                 func(ctx ctxt) error { return c.Ping(ctx) },
		"Client.PingAgent":            func(ctx ctxt) error { return c.PingAgent(ctx, agent) },
		"Client.ListAgents":           func(ctx ctxt) error { return failure(c.ListAgents(ctx)) },
		"Client.Resolve":              func(ctx ctxt) error { return failure(c.Resolve(ctx, "1:*")) },
		"Client.MatchingAgents":       func(ctx ctxt) error { return failure(c.MatchingAgents(ctx, All())) },
		"Client.WaitingCommands":      func(ctx ctxt) error { return failure(c.WaitingCommands(ctx, agent)) },
		"Client.CPUInfo":              func(ctx ctxt) error { return failure(c.CPUInfo(ctx, agent)) },
		"Client.DiskInfo":             func(ctx ctxt) error { return failure(c.DiskInfo(ctx, agent)) },
		"Client.MemInfo":              func(ctx ctxt) error { return failure(c.MemInfo(ctx, agent)) },
		"Client.NICInfo":              func(ctx ctxt) error { return failure(c.NICInfo(ctx, agent)) },
		"Client.OSInfo":               func(ctx ctxt) error { return failure(c.OSInfo(ctx, agent)) },
		"Client.AggregatedStats":      func(ctx ctxt) error { return failure(c.AggregatedStats(ctx, agent)) },
		"Client.Processes":            func(ctx ctxt) error { return failure(c.Processes(ctx, agent, ProcessQuery{})) },
		"Client.AllProcesses":         func(ctx ctxt) error { return failure(c.AllProcesses(ctx, ProcessQuery{})) },
		"Client.Msgs":                 func(ctx ctxt) error { return failure(c.Msgs(ctx, agent, "x", MsgQuery{})) },
		"Client.Cmds":                 func(ctx ctxt) error { return failure(c.Cmds(ctx, 0, 1)) },
		"Client.ScheduleAdd":          func(ctx ctxt) error { return c.ScheduleAdd(ctx, "x", "@hourly", request) },
		"Client.ScheduleList":         func(ctx ctxt) error { return failure(c.ScheduleList(ctx)) },
		"Client.ScheduleRemove":       func(ctx ctxt) error { return failure(c.ScheduleRemove(ctx, "x")) },
		"Client.ScheduleRemovePrefix": func(ctx ctxt) error { return c.ScheduleRemovePrefix(ctx, "x") },
		"Client.TunnelOpen":           func(ctx ctxt) error { return failure(c.TunnelOpen(ctx, agent, tunnel)) },
		"Client.TunnelClose":          func(ctx ctxt) error { return failure(c.TunnelClose(ctx, agent, tunnel)) },
		"Client.TunnelList":           func(ctx ctxt) error { return failure(c.TunnelList(ctx, agent)) },
		"Client.ReverseTunnelOpen":    func(ctx ctxt) error { return failure(c.ReverseTunnelOpen(ctx, tunnel)) },
		"Client.ReverseTunnelClose":   func(ctx ctxt) error { return failure(c.ReverseTunnelClose(ctx, tunnel)) },
		"Client.ReverseTunnelList":    func(ctx ctxt) error { return failure(c.ReverseTunnelList(ctx)) },
		"Client.SubmitMany": func(ctx ctxt) error {
			many, err := c.SubmitMany(ctx, request)
			if err != nil {
				return err
			}
			return many[0].Err
		},
		"Client.WaitAny": func(ctx ctxt) error {
			return own(func(command *Command) error { return ending(c.WaitAny(ctx, command)) })
		},
		"Request.Submit":     func(ctx ctxt) error { return failure(request.Submit(ctx)) },
		"Request.SubmitOnce": func(ctx ctxt) error { return failure(request.SubmitOnce(ctx)) },
		"Request.Run":        func(ctx ctxt) error { return failure(request.Run(ctx)) },
		"Request.RunAll":     func(ctx ctxt) error { return failure(request.RunAll(ctx, false)) },
		"Request.Rollout": func(ctx ctxt) error {
			return ending(request.Rollout(ctx, RolloutPlan{Agents: 1}))
		},
		"Request.OpenRollout": func(ctx ctxt) error {
			return failure(c.Bash(All(), "true").OpenRollout(ctx, RolloutPlan{Agents: 1}))
		},
		"Command.NextResult": func(ctx ctxt) error {
			return own(func(command *Command) error { return failure(command.NextResult(ctx)) })
		},
		"Command.TryNextResult": func(ctx ctxt) error {
			return own(func(command *Command) error { return failure(command.TryNextResult(ctx)) })
		},
		"Command.Results": func(ctx ctxt) error {
			return own(func(command *Command) error { return ending(command.Results(ctx)) })
		},
		"Command.Job":      func(ctx ctxt) error { return failure(sent.Job(ctx, AgentID{1, 1})) },
		"Command.Jobs":     func(ctx ctxt) error { return failure(sent.Jobs(ctx)) },
		"Command.Kill":     func(ctx ctxt) error { return failure(sent.Kill(ctx)) },
		"Command.Stats":    func(ctx ctxt) error { return failure(sent.Stats(ctx)) },
		"Command.Msgs":     func(ctx ctxt) error { return failure(sent.Msgs(ctx, MsgQuery{})) },
		"Command.Progress": func(ctx ctxt) error { return failure(sent.Progress(ctx)) },
		"Command.Retract":  func(ctx ctxt) error { return failure(sent.Retract(ctx)) },
		"Job.Refresh":      func(ctx ctxt) error { return failure(job.Refresh(ctx)) },
		"Job.Wait":         func(ctx ctxt) error { return failure(job.Wait(ctx)) },
		"Job.Kill":         func(ctx ctxt) error { return failure(job.Kill(ctx)) },
		"Job.Stats":        func(ctx ctxt) error { return failure(job.Stats(ctx)) },
		"Job.Msgs":         func(ctx ctxt) error { return failure(job.Msgs(ctx, MsgQuery{})) },
		"Job.Follow":       func(ctx ctxt) error { return ending(job.Follow(ctx, MsgQuery{})) },
		"Job.OpenFollow":   func(ctx ctxt) error { return failure(job.OpenFollow(ctx, MsgQuery{})) },
	}
}

// contextMethods returns the methods that take a context, by names like "Client.Ping".
func contextMethods(values ...any) map[string]reflect.Value {
	methods := map[string]reflect.Value{}
	for _, value := range values {
		it := reflect.ValueOf(value)
		for index := range it.NumMethod() {
			method := it.Type().Method(index)
			if of := it.Method(index); of.Type().NumIn() > 0 && of.Type().In(0) == reflect.TypeFor[context.Context]() {
				methods[it.Type().Elem().Name()+"."+method.Name] = of
			}
		}
	}
	return methods
}

// The server accepts connections and never replies.
func TestErrorsMatchTheContextThatCausedThem(t *testing.T) {
	const limit = 100 * time.Millisecond
	where := variable(t, "ACCLIENT_STOPPED_URL")
	pid := got[int](t)(strconv.Atoi(variable(t, "ACCLIENT_STOPPED_PID")))
	file := filepath.Join(t.TempDir(), "instances.toml")
	must(t, os.WriteFile(file, []byte("[main]\nurl = \""+where+"\"\n"), 0o600))
	t.Setenv("ACCLIENT_CONFIG", file)
	c := got[*Client](t)(Open(ctx(t), Options{URL: where, MaxConnections: 200}))
	defer c.Close()
	sent := submit(t, c.Bash(Agent(1, 1), "true"))
	// A client with an idle connection.
	ready := got[*Client](t)(Connect(ctx(t), where))
	defer ready.Close()
	calls := blockingCalls(t, c, where, sent)
	// Doctor reports the timeout in its diagnosis; OpenResults and OpenAny do not block, but Next does.
	unlisted := map[string]bool{"Client.Doctor": true, "Client.OpenAny": true, "Command.OpenResults": true}
	for name := range contextMethods(&Client{}, &Request{}, &Command{}, &Job{}) {
		if calls[name] == nil && !unlisted[name] {
			t.Errorf("%s is not tested", name)
		}
	}
	must(t, syscall.Kill(pid, syscall.SIGSTOP))
	defer syscall.Kill(pid, syscall.SIGCONT)
	why := errors.New("reason")
	var wait sync.WaitGroup
	each := func(name string, begin func() (context.Context, func()), kind error, is func(known *Error) bool) {
		wait.Add(1)
		go func() {
			defer wait.Done()
			begun := time.Now()
			ctx, end := begin()
			defer end()
			err := calls[name](ctx)
			took := time.Since(begun)
			var known *Error
			if !errors.As(err, &known) || !errors.Is(err, kind) || !errors.Is(err, why) || !is(known) || ctx.Err() == nil {
				t.Errorf("%s: %v (%+v) with %v", name, err, known, ctx.Err())
			} else if known.IsMaybeSent() != errors.Is(err, ErrMaybeSent) || known.Message == "" {
				t.Errorf("%s: %+v", name, known)
			}
			if took < limit || took > limit+late {
				t.Errorf("%s took %v", name, took)
			}
		}()
	}
	for name := range calls {
		each(name, func() (context.Context, func()) {
			ctx, cancel := context.WithTimeoutCause(context.Background(), limit, why)
			return ctx, cancel
		}, context.DeadlineExceeded, (*Error).Timeout)
		each(name, func() (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(context.Background())
			timer := time.AfterFunc(limit, func() { cancel(why) })
			return ctx, func() { timer.Stop(); cancel(nil) }
		}, context.Canceled, func(known *Error) bool { return known.Code == ErrCancelled || known.IsMaybeSent() })
	}
	wait.Wait()
	short, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	equal(t, "healthy", got[*Diagnosis](t)(c.Doctor(short)).IsHealthy(), false)

	// A command that Redis did not confirm before the deadline.
	last, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_, err := ready.Bash(Agent(1, 1), "true").Run(last)
	wants(t, err, ErrMaybeSent, context.DeadlineExceeded)
	equal(t, "timeout", err.(*Error).Timeout(), true)
	equal(t, "handle", strings.HasPrefix(err.(*Error).CommandHandle(), "acclient:1:"), true)
	// A context that ended before the call.
	err = c.Ping(last)
	wants(t, err, ErrTimeout, context.DeadlineExceeded)
	equal(t, "timeout", err.(*Error).Timeout(), true)
	must(t, syscall.Kill(pid, syscall.SIGCONT))
	must(t, c.Ping(ctx(t)))
}

// lateContext has passed its deadline, and ends when done is closed.
type lateContext struct {
	context.Context
	done chan struct{}
}

func (c lateContext) Deadline() (time.Time, bool) { return time.Now(), true }
func (c lateContext) Done() <-chan struct{}       { return c.done }
func (c lateContext) Err() error {
	select {
	case <-c.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestContextIsDoneWhenItsDeadlineIsReported(t *testing.T) {
	eventually(t, "the context has ended", func() bool {
		late := lateContext{context.Background(), make(chan struct{})}
		time.AfterFunc(50*time.Millisecond, func() { close(late.done) })
		equal(t, "late", errors.Is(expired(late), context.DeadlineExceeded), true)
		return late.Err() != nil
	})
	equal(t, "never", errors.Is(expired(lateContext{context.Background(), nil}), context.DeadlineExceeded), true)
}

func TestTimeoutsOtherThanTheDeadlineDoNotMatchTheContext(t *testing.T) {
	c := client(t)
	command := submit(t, c.Execute(Agent(1, 1), "sleep", "600"))
	_, err := command.TryNextResult(ctx(t))
	wants(t, err, ErrTimeout)
	equal(t, "deadline", errors.Is(err, context.DeadlineExceeded), false)
	kill(t, command)
	// The controller itself answers if no agent matches.
	all := got[*Collected](t)(c.Execute(All("gpu"), "true").RunAll(ctx(t), false))
	defer all.Command.Close()
	equal(t, "errors", len(all.Errors), 1)
	wants(t, all.Errors[0], ErrNoSuchAgent)
	_, is := all.Errors[0].Agent()
	equal(t, "about an agent", is, false)
}
