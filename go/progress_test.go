package acclient

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// queueClient returns a client for a Redis whose queue no controller drains.
func queueClient(t *testing.T) *Client {
	t.Helper()
	c := got[*Client](t)(Connect(ctx(t), variable(t, "ACCLIENT_QUEUE_URL")))
	t.Cleanup(func() { c.Close() })
	return c
}

func stage(t *testing.T, command *Command) Stage {
	t.Helper()
	return got[*Progress](t)(command.Progress(ctx(t))).Stage
}

func TestProgress(t *testing.T) {
	c := client(t)
	command := submit(t, c.Execute(All("cpu"), "sleep", "600"))
	// Progress does not block while a goroutine waits with the command.
	ended := make(chan error)
	go func() {
		_, err := command.NextResult(ctx(t))
		ended <- err
	}()
	on := func(stage Stage) map[AgentID]Stage { return map[AgentID]Stage{{1, 1}: stage, {2, 1}: stage} }
	eventually(t, "it runs", func() bool {
		progress := got[*Progress](t)(command.Progress(ctx(t)))
		return progress.Stage == StageRunning && maps.Equal(progress.Agents, on(StageRunning))
	})
	equal(t, "retracted", got[bool](t)(command.Retract(ctx(t))), false)
	kill(t, command)
	must(t, <-ended)
	eventually(t, "it is done", func() bool {
		progress := got[*Progress](t)(command.Progress(ctx(t)))
		return progress.Stage == StageDone && maps.Equal(progress.Agents, on(StageDone))
	})
	nothing := got[*Command](t)(c.GetByID("nothing"))
	defer nothing.Close()
	progress := got[*Progress](t)(nothing.Progress(ctx(t)))
	equal(t, "stage", progress.Stage, StageUnknown)
	equal(t, "agents", len(progress.Agents), 0)

	equal(t, "name", StageInQueue.String(), "in queue")
	equal(t, "name", StageLost.String(), "lost")
	equal(t, "name of none", Stage(0).String(), "unknown stage")
	command.Close()
	_, err := command.Progress(ctx(t))
	wants(t, err, ErrClosed)
	_, err = command.Retract(ctx(t))
	wants(t, err, ErrClosed)
}

func TestRetract(t *testing.T) {
	c := queueClient(t)
	command := submit(t, c.Bash(Agent(1, 1), "true # \u00fc"))
	equal(t, "stage", stage(t, command), StageInQueue)
	equal(t, "retracted", got[bool](t)(command.Retract(ctx(t))), true)
	equal(t, "again", got[bool](t)(command.Retract(ctx(t))), false)
	equal(t, "stage", stage(t, command), StageLost)
	other := submit(t, c.Bash(Agent(1, 1), "true"))
	found := got[*Command](t)(c.GetByHandle(other.String()))
	defer found.Close()
	equal(t, "by its handle", got[bool](t)(found.Retract(ctx(t))), true)
	// Another handle has retracted it, and no controller confirms that it does not have it.
	for _, command := range []*Command{other, found} {
		equal(t, "stage", got[*Progress](t)(command.Progress(unanswered(t))).Stage, StageUnknown)
	}
}

// unanswered returns a context for Progress, which spends half of its time asking a controller that does not answer.
func unanswered(t *testing.T) context.Context {
	t.Helper()
	short, cancel := context.WithTimeout(ctx(t), 10*time.Second)
	t.Cleanup(cancel)
	return short
}

func TestProgressAfterRedisLostItsData(t *testing.T) {
	c := got[*Client](t)(Connect(ctx(t), variable(t, "ACCLIENT_FORGETFUL_URL")))
	defer c.Close()
	command := submit(t, c.Bash(Agent(1, 1), "true"))
	equal(t, "lost", got[*Progress](t)(command.Progress(unanswered(t))).RedisLostData, false)
	must(t, exec.Command("sh", "-c", variable(t, "ACCLIENT_FORGET")).Run())
	eventually(t, "Redis is up", func() bool { return c.Ping(ctx(t)) == nil })
	short, cancel := context.WithTimeout(ctx(t), 2*time.Second)
	defer cancel()
	_, err := command.NextResult(short)
	wants(t, err, ErrTimeout)
	equal(t, "said", strings.Contains(err.Error(), "Redis lost its data"), true)
	equal(t, "lost", got[*Progress](t)(command.Progress(unanswered(t))).RedisLostData, true)
}

func TestSubmitOnce(t *testing.T) {
	c := client(t)
	file := filepath.Join(t.TempDir(), "lines")
	lines := func() int {
		text, err := os.ReadFile(file)
		must(t, err)
		return strings.Count(string(text), "\n")
	}
	request := c.Bash(Agent(1, 1), "echo here >> "+file)
	request.ID = "once, in Go"
	for range 2 {
		command := got[*Command](t)(request.SubmitOnce(ctx(t)))
		equal(t, "id", command.ID(), request.ID)
		equal(t, "success", got[*Job](t)(command.NextResult(ctx(t))).IsSuccess(), true)
		must(t, command.Close())
	}
	// The agent has run all earlier commands when it has run this one.
	got[*Job](t)(c.Bash(Agent(1, 1), "true").Run(ctx(t)))
	equal(t, "lines", lines(), 1)
	other := c.Bash(Agent(1, 1), "false")
	other.ID = request.ID
	_, err := other.SubmitOnce(ctx(t))
	wants(t, err, ErrIDInUse)
	submit(t, request)
	eventually(t, "it runs once more", func() bool { return lines() == 2 })

	// A command that was retracted can be submitted again.
	again := queueClient(t).Bash(Agent(1, 1), "true")
	again.ID = request.ID
	for range 2 {
		command := got[*Command](t)(again.SubmitOnce(ctx(t)))
		equal(t, "stage", stage(t, command), StageInQueue)
		equal(t, "retracted", got[bool](t)(command.Retract(ctx(t))), true)
		must(t, command.Close())
	}
	again.ID = "a\x00b"
	_, err = again.SubmitOnce(ctx(t))
	wants(t, err, ErrInvalidArgument)
}

func TestDoctor(t *testing.T) {
	c := got[*Client](t)(NewClient(Options{URL: gridURL(t), MaxConnections: 3}))
	defer c.Close()
	equal(t, "slots", cap(c.slots), 3)
	well := got[*Diagnosis](t)(c.Doctor(ctx(t)))
	equal(t, "healthy", well.IsHealthy(), true)
	equal(t, "checks", len(well.Checks), 13)
	equal(t, "the first", well.Checks[0].Name, "redis")
	equal(t, "the last", well.Checks[12].Name, "agent 2:1")
	for _, check := range well.Checks {
		if check.Verdict != VerdictGood || check.Found == "" || check.Advice != "" || check.Kind != 0 ||
			len(check.JSON) == 0 {
			t.Errorf("%+v", check)
		}
	}
	equal(t, "in lines", strings.Contains(well.String(), "\ngood     agent 2:1    answered in "), true)
	equal(t, "stdout", got[*Job](t)(c.Execute(Agent(1, 1), "echo", "x").Run(ctx(t))).Stdout, "x\n")

	away := got[*Client](t)(NewClient(Options{URL: "redis://:sesame@127.0.0.1:1"}))
	defer away.Close()
	ill := got[*Diagnosis](t)(away.Doctor(ctx(t)))
	equal(t, "healthy", ill.IsHealthy(), false)
	equal(t, "checks", len(ill.Checks), 1)
	equal(t, "verdict", ill.Checks[0].Verdict, VerdictBad)
	equal(t, "kind", ill.Checks[0].Kind, ErrConnect)
	equal(t, "advice", strings.HasSuffix(ill.String(), ": "+ill.Checks[0].Advice+"\n"), true)
	equal(t, "password", strings.Contains(ill.String(), "sesame"), false)
	wants(t, away.Ping(ctx(t)), ErrConnect)
	must(t, away.Close())
	_, err := away.Doctor(ctx(t))
	wants(t, err, ErrClosed)
	_, err = NewClient(Options{MaxConnections: -1})
	wants(t, err, ErrInvalidArgument)
	_, err = NewClient(Options{Host: "a\x00b"})
	wants(t, err, ErrInvalidArgument)
}
