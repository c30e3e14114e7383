package acclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"
)

func TestRollout(t *testing.T) {
	c := client(t)
	request := c.Bash(All("cpu"), "true")
	rollout := got[*Rollout](t)(request.OpenRollout(ctx(t), RolloutPlan{Agents: 1}))
	stands := func(rollout *Rollout, notStarted string, failures int, stopped bool) {
		t.Helper()
		equal(t, "agents", fmt.Sprint(rollout.Agents()), "[1:1 2:1]")
		equal(t, "not started", fmt.Sprint(rollout.NotStarted()), notStarted)
		equal(t, "failures", rollout.Failures(), failures)
		equal(t, "stopped", rollout.IsStopped(), stopped)
	}
	ends := func(rollout *Rollout) {
		t.Helper()
		for range 2 {
			_, err := rollout.Next()
			equal(t, "the end", err, io.EOF)
		}
	}
	stands(rollout, "[1:1 2:1]", 0, false)
	equal(t, "size of a batch", rollout.BatchSize(), 1)
	first := got[*Job](t)(rollout.Next())
	equal(t, "agent", first.Agent.String(), "1:1")
	stands(rollout, "[2:1]", 0, false)
	second := got[*Job](t)(rollout.Next())
	equal(t, "agent", second.Agent.String(), "2:1")
	equal(t, "separate commands", first.ID != second.ID, true)
	ends(rollout)
	stands(rollout, "[]", 0, false)
	must(t, rollout.Close())
	_, err := rollout.Next()
	wants(t, err, ErrClosed)
	equal(t, "not started", len(rollout.NotStarted())+len(rollout.Agents()), 0)
	equal(t, "size of a batch", rollout.BatchSize(), 0)

	// The iterator opens and closes a rollout.
	agents := ""
	for job, err := range request.Rollout(ctx(t), RolloutPlan{Percent: 50, StopAfter: 1}) {
		must(t, err)
		agents += job.Agent.String() + " "
	}
	equal(t, "agents", agents, "1:1 2:1 ")
	few := got[*Rollout](t)(request.OpenRollout(ctx(t), RolloutPlan{Percent: 100, Sample: 1}))
	equal(t, "a sample", len(few.Agents()), 1)
	must(t, few.Close())

	failing := c.Bash(All("cpu"), "[ $AGENT_GID = 2 ]")
	stopped := got[*Rollout](t)(failing.OpenRollout(ctx(t), RolloutPlan{Agents: 1, StopAfter: 1}))
	defer stopped.Close()
	equal(t, "state", got[*Job](t)(stopped.Next()).State, StateError)
	ends(stopped)
	stands(stopped, "[2:1]", 1, true)
}

func TestRolloutSliding(t *testing.T) {
	c := client(t)
	path := filepath.Join(t.TempDir(), "last")
	script := fmt.Sprintf("if [ $AGENT_GID:$AGENT_NID = 1:1 ]; then until [ -e %s ]; do sleep 0.02; done; fi; "+
		"if [ $AGENT_GID = 2 ]; then touch %s; fi", path, path)
	request := c.Bash(Agents(AgentID{1, 1}, AgentID{1, 2}, AgentID{2, 1}), script)
	rollout := got[*Rollout](t)(request.OpenRollout(ctx(t), RolloutPlan{Agents: 2, Sliding: true}))
	defer rollout.Close()
	equal(t, "size of the window", rollout.BatchSize(), 2)
	equal(t, "agent", got[*Job](t)(rollout.Next()).Agent.String(), "1:2")
	// The script on 1:1 waits for 2:1, which gets its command before 1:1 has answered.
	equal(t, "not started", fmt.Sprint(rollout.NotStarted()), "[2:1]")
	got[*Job](t)(rollout.Next())
	got[*Job](t)(rollout.Next())
	_, err := rollout.Next()
	equal(t, "the end", err, io.EOF)
	equal(t, "stopped", rollout.IsStopped(), false)
}

func TestRolloutInFlight(t *testing.T) {
	c := client(t)
	half := c.Bash(All("cpu"), "echo 101::$$; [ $AGENT_GID = 1 ] || exec tail -f /dev/null")
	both := RolloutPlan{Agents: 2}
	targets := func(rollout *Rollout) string {
		t.Helper()
		agents := ""
		for _, command := range got[[]*Command](t)(rollout.InFlight()) {
			agents += command.Target() + " "
			must(t, command.Close())
		}
		return agents
	}
	killInFlight := func(rollout *Rollout) {
		t.Helper()
		commands := got[[]*Command](t)(rollout.InFlight())
		equal(t, "commands", len(commands), 1)
		defer commands[0].Close()
		equal(t, "what was sent", commands[0].Cmd(), "bash")
		// Commands outlive the rollout and its context.
		must(t, rollout.Close())
		_, err := rollout.InFlight()
		wants(t, err, ErrClosed)
		kill(t, commands[0])
		equal(t, "state", got[*Job](t)(commands[0].NextResult(ctx(t))).State, StateKilled)
	}

	// A cancelled context.
	middle, stop := context.WithCancel(context.Background())
	rollout := got[*Rollout](t)(half.OpenRollout(middle, both))
	equal(t, "in flight", targets(rollout), "")
	first := got[*Job](t)(rollout.Next())
	equal(t, "in flight", targets(rollout), "2:1 ")
	ended := make(chan error)
	go func() {
		_, err := rollout.Next()
		ended <- err
	}()
	eventually(t, "another waits", func() bool {
		commands, err := rollout.InFlight()
		for _, command := range commands {
			must(t, command.Close())
		}
		return errors.Is(err, ErrInvalidArgument)
	})
	stop()
	wants(t, <-ended, ErrCancelled)
	killInFlight(rollout)
	got[*Job](t)(first.Refresh(ctx(t)))

	// A deadline.
	short, cancel := context.WithTimeout(ctx(t), 2*time.Second)
	defer cancel()
	expired := got[*Rollout](t)(half.OpenRollout(short, both))
	got[*Job](t)(expired.Next())
	_, err := expired.Next()
	wants(t, err, ErrTimeout)
	killInFlight(expired)

	// No command is in flight once all agents have answered.
	failing := c.Bash(All("cpu"), "false")
	stopped := got[*Rollout](t)(failing.OpenRollout(ctx(t), RolloutPlan{Agents: 1, StopAfter: 1}))
	defer stopped.Close()
	got[*Job](t)(stopped.Next())
	equal(t, "in flight", targets(stopped), "")
	equal(t, "stopped", stopped.IsStopped(), true)
}

func TestRolloutEnds(t *testing.T) {
	c := client(t)
	slow := c.Execute(All("cpu"), "tail", "-f", "/dev/null")
	one := RolloutPlan{Agents: 1}
	killOf := func(err error) {
		t.Helper()
		var known *Error
		errors.As(err, &known)
		command := got[*Command](t)(c.GetByHandle(known.CommandHandle()))
		defer command.Close()
		kill(t, command)
	}
	short, cancel := context.WithTimeout(ctx(t), time.Second)
	defer cancel()
	rollout := got[*Rollout](t)(slow.OpenRollout(short, one))
	defer rollout.Close()
	_, err := rollout.Next()
	wants(t, err, ErrTimeout, context.DeadlineExceeded)
	_, end := rollout.Next()
	equal(t, "the end", end, io.EOF)
	equal(t, "stopped", rollout.IsStopped(), true)
	equal(t, "not started", fmt.Sprint(rollout.NotStarted()), "[2:1]")
	killOf(err)

	// A cancelled context gives one error, and ends the rollout.
	middle, stop := context.WithCancel(context.Background())
	waiting := got[*Rollout](t)(slow.OpenRollout(middle, one))
	defer waiting.Close()
	ended := make(chan error)
	go func() {
		_, err := waiting.Next()
		ended <- err
	}()
	// Accessors of changing state return nothing meanwhile.
	eventually(t, "another waits", func() bool { return len(waiting.NotStarted()) == 0 })
	equal(t, "stopped", waiting.IsStopped(), false)
	equal(t, "agents", len(waiting.Agents()), 2)
	eventually(t, "it runs", func() bool {
		query := ProcessQuery{Name: "tail"}
		return len(got[[]ProcessStats](t)(c.Processes(ctx(t), AgentID{1, 1}, query))) == 1
	})
	stop()
	err = <-ended
	wants(t, err, ErrCancelled, context.Canceled)
	_, end = waiting.Next()
	equal(t, "the end", end, io.EOF)
	equal(t, "not started", fmt.Sprint(waiting.NotStarted()), "[2:1]")
	killOf(err)

	_, err = slow.OpenRollout(middle, one)
	wants(t, err, ErrCancelled, context.Canceled)
	for _, plan := range []RolloutPlan{
		{}, {Agents: -1}, {Agents: 1, Percent: 1}, {Percent: 101}, {Agents: 1, StopAfter: -1},
		{Agents: 1, Sample: -1},
	} {
		for _, err := range slow.Rollout(ctx(t), plan) {
			wants(t, err, ErrInvalidArgument)
		}
	}
	for _, err := range c.Bash(Any(), "true").Rollout(ctx(t), one) {
		wants(t, err, ErrInvalidArgument)
	}
	for _, err := range c.Bash(All("gpu"), "true").Rollout(ctx(t), one) {
		wants(t, err, ErrNoSuchAgent)
	}
	closed := got[*Client](t)(Connect(ctx(t), gridURL(t)))
	must(t, closed.Close())
	_, err = closed.Bash(All(), "true").OpenRollout(ctx(t), one)
	wants(t, err, ErrClosed)
}
