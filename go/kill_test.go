package acclient

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// printed waits until the job of one agent has printed a line, so that its script has started.
func printed(t *testing.T, command *Command) {
	t.Helper()
	eventually(t, "it prints", func() bool {
		outcomes := got[[]Outcome[[]Message]](t)(command.Msgs(ctx(t), MsgQuery{}))
		return len(outcomes) == 1 && len(outcomes[0].Answer) > 0
	})
}

// killed kills the job of one agent.
func killed(t *testing.T, command *Command) Outcome[KillResult] {
	t.Helper()
	outcomes := got[[]Outcome[KillResult]](t)(command.Kill(ctx(t)))
	equal(t, "outcomes", len(outcomes), 1)
	return outcomes[0]
}

func TestKillOfAScript(t *testing.T) {
	c := client(t)
	gate := filepath.Join(t.TempDir(), "gate")
	script := fmt.Sprintf("echo started; while [ ! -e %s ]; do sleep 0.02; done", gate)
	command := submit(t, c.Bash(Agent(1, 1), script))
	printed(t, command)
	for range 2 {
		outcome := killed(t, command)
		equal(t, "kind", outcome.Kind, OutcomeDone)
		equal(t, "kill", outcome.Answer, KillOrdered)
	}
	job := got[[]*Job](t)(command.Jobs(ctx(t)))[0]
	equal(t, "kill of the job", got[KillResult](t)(job.Kill(ctx(t))), KillOrdered)
	must(t, os.WriteFile(gate, nil, 0o600))
	equal(t, "state", got[*Job](t)(command.NextResult(ctx(t))).State, StateKilled)
	equal(t, "kill of the job", got[KillResult](t)(job.Kill(ctx(t))), KillEnded)
	equal(t, "name", KillOrdered.String(), "ordered")
}

func TestKillable(t *testing.T) {
	c := client(t)
	request := c.Bash(Agent(1, 1), "echo started; exec sleep 600")
	request.Killable = true
	command := submit(t, request)
	printed(t, command)
	equal(t, "kill", killed(t, command).Answer, KillEnded)
	equal(t, "kind", killed(t, command).Kind, OutcomeOver)
	request = c.Execute(Agent(1, 1), "true")
	request.Killable = true
	_, err := request.Submit(ctx(t))
	wants(t, err, ErrInvalidArgument)
}

func TestKillDoesNotReachAQueuedJob(t *testing.T) {
	c := client(t)
	start := func() *Command {
		request := c.Execute(Agent(1, 1), "sleep", "600")
		request.RunArgs.Queue = "a queue"
		return submit(t, request)
	}
	first, second := start(), start()
	eventually(t, "it waits", func() bool { return stage(t, second) == StageQueuedOnAgent })
	outcome := killed(t, second)
	if !errors.Is(outcome.Err, ErrNotRunning) {
		t.Errorf("killing a job that waits: %v", outcome.Err)
	}
	running(t, first)
	kill(t, first)
	running(t, second)
	kill(t, second)
}

func TestTargetWithoutMatchingAgents(t *testing.T) {
	c := client(t)
	command := submit(t, c.Cmd(All("none"), "ping"))
	_, err := command.NextResult(ctx(t))
	wants(t, err, ErrNoSuchAgent)
	_, err = command.Jobs(ctx(t))
	wants(t, err, ErrNoSuchAgent)
	_, err = command.Progress(ctx(t))
	wants(t, err, ErrNoSuchAgent)
	_, err = command.Kill(ctx(t))
	wants(t, err, ErrNoSuchAgent)
	_, err = command.Stats(ctx(t))
	wants(t, err, ErrNoSuchAgent)
}
