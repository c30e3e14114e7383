package acclient

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	c := client(t)
	request := c.Execute(Agent(1, 1), "sh", "-c", "cat; echo wrong >&2; printf '9::grave\\n20::{\"a\":1}\\n'")
	request.Data = "in put\n"
	request.Tags = "a tag"
	job := got[*Job](t)(request.Run(ctx(t)))
	equal(t, "state", job.State, StateSuccess)
	equal(t, "success", job.IsSuccess(), true)
	equal(t, "agent", job.Agent.String(), "1:1")
	equal(t, "stdout", job.Stdout, "in put\n")
	equal(t, "stderr", job.Stderr, "wrong\n")
	equal(t, "critical", job.Critical, "grave")
	equal(t, "data", job.Data, `{"a":1}`)
	equal(t, "level", job.Level, 20)
	equal(t, "tags", job.Tags, "a tag")
	equal(t, "cmd", job.Cmd, "execute")
	equal(t, "JSON", json.Valid(job.Raw) && json.Valid(job.Args), true)
	if time.Since(job.StartTime).Abs() > time.Minute || job.Time < 0 || job.ID == "" {
		t.Fatalf("%+v", job)
	}
	failed := got[*Job](t)(c.Execute(Agent(1, 1), "false").Run(ctx(t)))
	equal(t, "state", failed.State, StateError)
	equal(t, "success", failed.IsSuccess(), false)

	_, err := c.Execute(Agent(7, 7), "true").Run(ctx(t))
	wants(t, err, ErrNoSuchAgent)
	end := newShellGate(t)
	short, cancel := context.WithTimeout(ctx(t), 200*time.Millisecond)
	defer cancel()
	_, err = c.Bash(Agent(1, 1), end.wait).Run(short)
	end.open()
	wants(t, err, ErrTimeout, context.DeadlineExceeded)
	var known *Error
	equal(t, "as", errors.As(err, &known), true)
	equal(t, "timeout", known.Timeout(), true)
	equal(t, "other kinds", errors.Is(err, ErrCancelled) || errors.Is(err, context.Canceled), false)
	// The error has the command's handle string.
	again := got[*Command](t)(c.GetByHandle(known.CommandHandle()))
	defer again.Close()
	equal(t, "state", got[*Job](t)(again.NextResult(ctx(t))).State, StateSuccess)
}

func TestRequests(t *testing.T) {
	c := client(t)
	equal(t, "bash", got[*Job](t)(c.Bash(Agent(1, 1), "echo $((6*7))").Run(ctx(t))).Stdout, "42\n")
	equal(t, "ping", got[*Job](t)(c.Cmd(Agent(1, 1), "ping").Run(ctx(t))).State, StateSuccess)
	unknown := got[*Job](t)(c.Cmd(Agent(1, 1), "nonsense").Run(ctx(t)))
	equal(t, "unknown", unknown.State, StateUnknownCommand)

	kwargs := map[string]string{"message": "hi"}
	job := got[*Job](t)(c.ExecuteJumpscript(Agent(1, 2), "test", "echo", kwargs).Run(ctx(t)))
	equal(t, "jumpscript", strings.Contains(job.Data+job.Stdout, "hi"), true)
	script := "def action(message):\n    return message * 2\n"
	job = got[*Job](t)(c.ExecuteJumpscriptContent(Agent(1, 2), script, kwargs).Run(ctx(t)))
	equal(t, "content", strings.Contains(job.Data, "hihi"), true)
	_, err := c.ExecuteJumpscript(Agent(1, 2), "test", "echo", []int{1}).Run(ctx(t))
	wants(t, err, ErrInvalidArgument)
	_, err = c.ExecuteJumpscript(Agent(1, 2), "test", "echo", func() {}).Run(ctx(t))
	wants(t, err, ErrInvalidArgument)

	request := c.Execute(Agent(1, 1), "sh", "-c", "pwd; echo $A")
	request.RunArgs = RunArgs{WorkingDir: "/", Env: map[string]string{"A": "of env"}, Domain: "go"}
	request.ID = "go-" + got[*Job](t)(c.Cmd(Agent(1, 1), "ping").Run(ctx(t))).ID
	request.Tags = "t"
	command := submit(t, request)
	equal(t, "id", command.ID(), request.ID)
	equal(t, "target", command.Target(), "1:1")
	equal(t, "cmd", command.Cmd(), "execute")
	equal(t, "tags", command.Tags(), "t")
	equal(t, "args", strings.Contains(string(command.Args()), `"domain":"go"`), true)
	equal(t, "dump", json.Valid(command.Dump()), true)
	equal(t, "stdout", got[*Job](t)(command.NextResult(ctx(t))).Stdout, "/\nof env\n")
	_, err = command.NextResult(ctx(t))
	equal(t, "the end", err, io.EOF)

	for _, wrong := range []*Request{
		c.Execute(Agent(1, 1), "a\x00b"), c.Execute(Agent(1, 1), "a", "\x00"), c.Execute(Agent(0, 1), "a"),
		c.Execute(Agent(1, 1), "a\xff"), c.Bash(Agent(1, 1), "echo \xff"), c.Cmd(Agent(1, 1), ""),
		{client: c, target: Agent(1, 1), name: "ping", ID: "a\x00"},
		{client: c, target: Agent(1, 1), name: "ping", Tags: "\xff"},
		{client: c, target: Agent(1, 1), name: "ping", Data: "\xff"},
	} {
		_, err := wrong.Submit(ctx(t))
		wants(t, err, ErrInvalidArgument)
		_, err = wrong.Run(ctx(t))
		wants(t, err, ErrInvalidArgument)
	}
}

func TestNULAndBrokenUTF8(t *testing.T) {
	c := client(t)
	request := c.Execute(Agent(1, 1), "cat")
	request.Data = "a\x00b\n"
	command := submit(t, request)
	equal(t, "data that was sent", command.Data(), "a\x00b\n")
	equal(t, "stdout", got[*Job](t)(command.NextResult(ctx(t))).Stdout, "a\x00b\n")
	job := got[*Job](t)(c.Execute(Agent(1, 1), "printf", `20::{"a":"x\000y"}\n`).Run(ctx(t)))
	equal(t, "data with a NUL", strings.Contains(job.Data, "x\x00y"), true)
	job = got[*Job](t)(c.Execute(Agent(1, 1), "printf", `a\377b\n`).Run(ctx(t)))
	equal(t, "broken UTF-8, as the agent writes it", job.Stdout, "a\ufffdb\n")
	request.Data = "a\xffb"
	_, err := request.Submit(ctx(t))
	wants(t, err, ErrInvalidArgument)
}

func TestLookUpByHandleAndID(t *testing.T) {
	c := client(t)
	command := submit(t, c.Execute(Agent(1, 1), "echo", "found"))
	byHandle := got[*Command](t)(c.GetByHandle(command.String()))
	defer byHandle.Close()
	equal(t, "id", byHandle.ID(), command.ID())
	equal(t, "cmd", byHandle.Cmd(), "")
	equal(t, "stdout", got[*Job](t)(byHandle.NextResult(ctx(t))).Stdout, "found\n")
	byID := got[*Command](t)(c.GetByID(command.ID()))
	defer byID.Close()
	equal(t, "stdout", got[*Job](t)(byID.NextResult(ctx(t))).Stdout, "found\n")
	for _, wrong := range []string{"", "nonsense", "acclient:1:x\x00:1:1"} {
		_, err := c.GetByHandle(wrong)
		wants(t, err, ErrInvalidArgument)
	}
	_, err := c.GetByID("")
	wants(t, err, ErrInvalidArgument)
	byID.Close()
	_, err = byID.NextResult(ctx(t))
	wants(t, err, ErrClosed)
	_, err = byID.Kill(ctx(t))
	wants(t, err, ErrClosed)
}

func TestTryNextResult(t *testing.T) {
	c := client(t)
	command := submit(t, c.Execute(Agent(1, 1), "sleep", "600"))
	begun := time.Now()
	_, err := command.TryNextResult(ctx(t))
	wants(t, err, ErrTimeout)
	equal(t, "at once", time.Since(begun) < late, true)
	kill(t, command)
	command = submit(t, c.Execute(Agent(1, 1), "true"))
	eventually(t, "a result", func() bool {
		job, err := command.TryNextResult(ctx(t))
		return err == nil && job.IsSuccess()
	})
}

func TestResults(t *testing.T) {
	c := client(t)
	last := newShellGate(t)
	command := submit(t, c.Bash(All(), "[ $AGENT_GID:$AGENT_NID = 1:1 ] && "+last.wait+"; echo done"))
	// Results are iterated in order of completion.
	var order []string
	for job, err := range command.Results(ctx(t)) {
		must(t, err)
		if order = append(order, job.Agent.String()); len(order) == 2 {
			last.open()
		}
	}
	equal(t, "how many", len(order), 3)
	equal(t, "the slow one is last", order[2], "1:1")
	for range command.Results(ctx(t)) {
		break
	}

	// After the deadline there is an error for each agent that did not answer.
	late := newShellGate(t)
	slow := submit(t, c.Bash(All("cpu"), late.wait))
	running(t, slow)
	var missing []string
	short, cancel := context.WithTimeout(ctx(t), time.Second)
	defer cancel()
	for _, err := range slow.Results(short) {
		wants(t, err, ErrTimeout, context.DeadlineExceeded)
		var known *Error
		errors.As(err, &known)
		agent, is := known.Agent()
		equal(t, "about an agent", is, true)
		equal(t, "final", known.IsFinal(), false)
		missing = append(missing, agent.String())
	}
	late.open()
	slices.Sort(missing)
	equal(t, "missing", strings.Join(missing, " "), "1:1 2:1")

	results := got[*Results](t)(slow.OpenResults(ctx(t)))
	equal(t, "method", results.Method(), 0)
	waited := make(chan error)
	go func() {
		_, err := results.Next()
		waited <- err
	}()
	must(t, <-waited)
	equal(t, "remaining", results.Remaining(), 1)
	equal(t, "method", results.Method() >= MethodBlocking && results.Method() <= MethodPolling, true)
	must(t, results.Close())
	_, err := results.Next()
	wants(t, err, ErrClosed)

	done, stop := context.WithCancel(context.Background())
	stop()
	for _, err := range slow.Results(done) {
		wants(t, err, ErrCancelled, context.Canceled)
	}
	// A cancelled context gives one error, and ends the iterator.
	never := newShellGate(t)
	again := submit(t, c.Bash(All(), "[ $AGENT_GID:$AGENT_NID = 1:1 ] && "+never.wait+"; true"))
	middle, stop := context.WithCancel(context.Background())
	defer stop()
	jobs, errs := 0, 0
	for _, err := range again.Results(middle) {
		if err != nil {
			wants(t, err, ErrCancelled, context.Canceled)
			errs++
			continue
		}
		if jobs++; jobs == 2 {
			stop()
		}
	}
	equal(t, "jobs and errors", [2]int{jobs, errs}, [2]int{2, 1})
}

func TestWaitAny(t *testing.T) {
	c := client(t)
	slow := submit(t, c.Execute(Agent(1, 1), "sleep", "0.4"))
	fast := submit(t, c.Execute(Agent(2, 1), "true"))
	var ids []string
	for job, err := range c.WaitAny(ctx(t), slow, fast) {
		must(t, err)
		ids = append(ids, job.ID)
	}
	equal(t, "order", strings.Join(ids, " "), fast.ID()+" "+slow.ID())
	for range c.WaitAny(ctx(t)) {
		t.Fatal("got a result without a command")
	}
	fast.Close()
	for _, err := range c.WaitAny(ctx(t), fast) {
		wants(t, err, ErrClosed)
	}
}

func TestSubmitMany(t *testing.T) {
	c := client(t)
	many := got[[]Submitted](t)(c.SubmitMany(ctx(t),
		c.Execute(Agent(1, 1), "echo", "a"), c.Execute(Agent(1, 1), "b\x00"), c.Execute(Agent(2, 1), "echo", "c"),
		// The C library rejects this one.
		c.Cmd(Agent(1, 1), ""),
	))
	equal(t, "how many", len(many), 4)
	wants(t, many[1].Err, ErrInvalidArgument)
	wants(t, many[3].Err, ErrInvalidArgument)
	for place, text := range map[int]string{0: "a\n", 2: "c\n"} {
		must(t, many[place].Err)
		defer many[place].Command.Close()
		equal(t, "stdout", got[*Job](t)(many[place].Command.NextResult(ctx(t))).Stdout, text)
	}
	equal(t, "none", len(got[[]Submitted](t)(c.SubmitMany(ctx(t)))), 0)
}

func TestListOfAgentsIsOneCommand(t *testing.T) {
	c := client(t)
	list := Agents(AgentID{2, 1}, AgentID{1, 2}, AgentID{2, 1})
	command := submit(t, c.Bash(list, "echo $AGENT_GID:$AGENT_NID"))
	equal(t, "target", command.Target(), "1:2,2:1")
	var answers []string
	for job, err := range found(t, c, command).Results(ctx(t)) {
		must(t, err)
		equal(t, "id", job.ID, command.ID())
		equal(t, "stdout", job.Stdout, job.Agent.String()+"\n")
		answers = append(answers, job.Agent.String())
	}
	slices.Sort(answers)
	equal(t, "agents", strings.Join(answers, " "), "1:2 2:1")
	parsed := got[Target](t)(ParseTarget("1:2,2:1"))
	for _, several := range []Target{list, parsed, All()} {
		_, err := c.Cmd(several, "ping").Run(ctx(t))
		wants(t, err, ErrInvalidArgument)
		natural(t, err)
	}
	equal(t, "one agent", got[*Job](t)(c.Cmd(Agents(AgentID{1, 2}), "ping").Run(ctx(t))).IsSuccess(), true)
}

func TestListsOfAgentsInManyCommandsAndProgress(t *testing.T) {
	c := client(t)
	list := Agents(AgentID{1, 2}, AgentID{2, 1})
	many := got[[]Submitted](t)(c.SubmitMany(ctx(t), c.Execute(list, "echo", "a"), c.Execute(list, "echo", "b")))
	for place, text := range []string{"a\n", "b\n"} {
		must(t, many[place].Err)
		command := many[place].Command
		defer command.Close()
		equal(t, "target", command.Target(), "1:2,2:1")
		count := 0
		for job, err := range command.Results(ctx(t)) {
			must(t, err)
			equal(t, "stdout", job.Stdout, text)
			count++
		}
		equal(t, "results", count, 2)
		progress := got[*Progress](t)(command.Progress(ctx(t)))
		equal(t, "stage", progress.Stage, StageDone)
		equal(t, "agents", progress.Agents[AgentID{2, 1}], StageDone)
		equal(t, "number of agents", len(progress.Agents), 2)
	}
}

func TestRunAll(t *testing.T) {
	c := client(t)
	all := got[*Collected](t)(c.Bash(All("cpu"), "echo hi").RunAll(ctx(t), false))
	defer all.Command.Close()
	equal(t, "jobs and errors", [2]int{len(all.Jobs), len(all.Errors)}, [2]int{2, 0})
	equal(t, "stopped", all.Stopped, false)
	equal(t, "stdout", all.Jobs[0].Stdout, "hi\n")
	equal(t, "target", all.Command.Target(), "all,role=cpu")
	_, err := all.Command.NextResult(ctx(t))
	equal(t, "nothing is missing", err, io.EOF)
	var part *Collected
	var slow shellGate
	withGrowingTime(t, 300*time.Millisecond, func(short context.Context) bool {
		slow = newShellGate(t)
		script := "[ $AGENT_GID = 1 ] && " + slow.wait + "; true"
		var err error
		part, err = c.Bash(All("cpu"), script).RunAll(short, false)
		if err == nil && len(part.Jobs) == 1 {
			return true
		}
		slow.open()
		if err == nil {
			must(t, part.Command.Close())
		}
		return false
	})
	defer part.Command.Close()
	equal(t, "errors", len(part.Errors), 1)
	wants(t, part.Errors[0], ErrTimeout, context.DeadlineExceeded)
	slow.open()
	found := false
	for job, err := range part.Command.Results(ctx(t)) {
		must(t, err)
		found = found || job.Agent == AgentID{1, 1}
	}
	equal(t, "what was missing", found, true)
	other := newShellGate(t)
	script := "[ $AGENT_GID = 1 ] && " + other.wait + "; exit 1"
	first := got[*Collected](t)(c.Bash(All("cpu"), script).RunAll(ctx(t), true))
	defer first.Command.Close()
	equal(t, "stopped", first.Stopped, true)
	_, err = c.Cmd(All("cpu"), "").RunAll(ctx(t), true)
	wants(t, err, ErrInvalidArgument)
}
