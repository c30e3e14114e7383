package acclient

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestKill(t *testing.T) {
	c := client(t)
	command := submit(t, c.Execute(Agent(1, 1), "sleep", "600"))
	running(t, command)
	result := make(chan *Job)
	go func() {
		// A kill does not block while a goroutine waits for the result.
		job, _ := command.NextResult(ctx(t))
		result <- job
	}()
	eventually(t, "it waits", func() bool { return len(command.gate) == 1 })
	kill(t, command)
	equal(t, "state", (<-result).State, StateKilled)
	kill(t, command)
	done, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := command.Kill(done)
	wants(t, err, ErrCancelled, context.Canceled)
	must(t, command.Close())
	_, err = command.Kill(ctx(t))
	wants(t, err, ErrClosed)
}

func TestRequestsToAllAgentsOfACommand(t *testing.T) {
	c := client(t)
	command := submit(t, c.Bash(All("cpu"), "echo 101::$$; echo line; exec sleep 600"))
	running(t, command)
	stats := got[[]Outcome[*ProcessStats]](t)(command.Stats(ctx(t)))
	equal(t, "agents", len(stats), 2)
	for _, outcome := range stats {
		equal(t, "kind", outcome.Kind, OutcomeDone)
		equal(t, "memory", outcome.Answer.RSS > 0 && len(outcome.Answer.JSON) > 0, true)
	}
	eventually(t, "it is logged", func() bool {
		logs := got[[]Outcome[[]Message]](t)(command.Msgs(ctx(t), MsgQuery{Levels: "1"}))
		return len(logs) == 2 && len(logs[0].Answer) == 1 && logs[0].Answer[0].Data == "line"
	})
	_, err := command.Msgs(ctx(t), MsgQuery{Levels: "x"})
	wants(t, err, ErrInvalidArgument)
	for _, outcome := range got[[]Outcome[KillResult]](t)(command.Kill(ctx(t))) {
		equal(t, "kind", outcome.Kind, OutcomeDone)
		equal(t, "kind", outcome.Kind.String(), "done")
		must(t, outcome.Err)
	}
	for job, err := range command.Results(ctx(t)) {
		must(t, err)
		equal(t, "state", job.State, StateKilled)
	}
	for _, outcome := range got[[]Outcome[KillResult]](t)(command.Kill(ctx(t))) {
		equal(t, "kind", outcome.Kind, OutcomeOver)
		equal(t, "state", outcome.Job.State, StateKilled)
	}
	held := submit(t, c.Execute(Agent(1, 1), "true"))
	done, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = held.Stats(done)
	wants(t, err, ErrCancelled)
	// The refusal of an agent is in its outcome: a job that waits in a queue has no statistics.
	for range 2 {
		request := c.Execute(Agent(1, 1), "sleep", "2")
		request.RunArgs.Queue = "go-refuses"
		held = submit(t, request)
	}
	eventually(t, "it refuses", func() bool {
		stats := got[[]Outcome[*ProcessStats]](t)(held.Stats(ctx(t)))
		if len(stats) != 1 || stats[0].Kind != OutcomeFailed {
			return false
		}
		wants(t, stats[0].Err, ErrJobFailed)
		return true
	})
}

func TestJob(t *testing.T) {
	c := client(t)
	end := newShellGate(t)
	command := submit(t, c.Bash(Agent(1, 1), "echo one; "+end.wait+"; echo two"))
	job := running(t, command)[0]
	equal(t, "state", job.State, StateRunning)
	var stats *ProcessStats
	// An agent reports a job as running before its process has memory.
	eventually(t, "it uses memory", func() bool {
		stats = got[*ProcessStats](t)(job.Stats(ctx(t)))
		return stats.RSS > 0
	})
	equal(t, "address space and time", stats.VMS >= stats.RSS && stats.CPU >= 0, true)
	equal(t, "refreshed", got[*Job](t)(job.Refresh(ctx(t))).State, StateRunning)
	short, cancel := context.WithTimeout(ctx(t), 100*time.Millisecond)
	defer cancel()
	_, err := job.Wait(short)
	wants(t, err, ErrTimeout, context.DeadlineExceeded)
	end.open()
	ended := got[*Job](t)(job.Wait(ctx(t)))
	equal(t, "stdout", ended.Stdout, "one\ntwo\n")
	equal(t, "refreshed", got[*Job](t)(job.Refresh(ctx(t))).State, StateSuccess)
	equal(t, "the old one", job.State, StateRunning)
	_, err = job.Stats(ctx(t))
	wants(t, err, ErrJobFailed)
	if known, ok := err.(*Error); !ok || known.Job() == nil || known.Job().IsSuccess() || known.IsRetriable() {
		t.Fatalf("the job of %v", err)
	}
	gone := &Job{client: c, ID: "none", Agent: AgentID{1, 1}}
	_, err = gone.Refresh(ctx(t))
	wants(t, err, ErrProtocol)

	long := submit(t, c.Execute(Agent(1, 1), "sleep", "600"))
	got[KillResult](t)(running(t, long)[0].Kill(ctx(t)))
	equal(t, "state", got[*Job](t)(long.NextResult(ctx(t))).State, StateKilled)
}

func TestMsgs(t *testing.T) {
	c := client(t)
	before := time.Now().Add(-time.Minute)
	job := got[*Job](t)(c.Bash(Agent(1, 1), "echo first; echo second; echo other >&2").Run(ctx(t)))
	eventually(t, "it is logged", func() bool {
		return len(got[[]Message](t)(job.Msgs(ctx(t), MsgQuery{}))) == 3
	})
	messages := got[[]Message](t)(c.Msgs(ctx(t), AgentID{1, 1}, job.ID, MsgQuery{Levels: "1", From: before}))
	equal(t, "how many", len(messages), 2)
	equal(t, "newest first", messages[0].Data+messages[1].Data, "secondfirst")
	equal(t, "later", messages[0].ID > messages[1].ID, true)
	equal(t, "level", messages[0].Level, 1)
	equal(t, "time", messages[0].Time.After(before), true)
	equal(t, "raw", strings.Contains(string(messages[0].Raw), "second"), true)
	equal(t, "limit", len(got[[]Message](t)(job.Msgs(ctx(t), MsgQuery{Limit: 1}))), 1)
	equal(t, "none", len(got[[]Message](t)(job.Msgs(ctx(t), MsgQuery{To: before}))), 0)
	equal(t, "unknown", len(got[[]Message](t)(c.Msgs(ctx(t), AgentID{1, 1}, "unknown", MsgQuery{}))), 0)
	for _, wrong := range []MsgQuery{{Limit: -1}, {Limit: 5000}, {Levels: "x"}, {Levels: "1\x00"}} {
		_, err := c.Msgs(ctx(t), AgentID{1, 1}, job.ID, wrong)
		wants(t, err, ErrInvalidArgument)
	}
}

func TestFollow(t *testing.T) {
	c := client(t)
	command := submit(t, c.Bash(Agent(1, 1), "for i in 1 2 3; do echo line $i; sleep 0.1; done"))
	job := running(t, command)[0]
	var lines []string
	for message, err := range job.Follow(ctx(t), MsgQuery{}) {
		must(t, err)
		lines = append(lines, message.Data)
	}
	slices.Sort(lines) // the agent may write them in another order
	equal(t, "lines", strings.Join(lines, "; "), "line 1; line 2; line 3")
	for _, err := range job.Follow(ctx(t), MsgQuery{Levels: "x"}) {
		wants(t, err, ErrInvalidArgument)
	}
	long := submit(t, c.Bash(Agent(1, 1), "echo 101::$$; echo here; exec sleep 600"))
	job = running(t, long)[0]
	cancelled, cancel := context.WithCancel(context.Background())
	defer cancel()
	errs := 0
	for message, err := range job.Follow(cancelled, MsgQuery{Levels: "1"}) {
		if err != nil {
			wants(t, err, ErrCancelled, context.Canceled)
			errs++
			continue
		}
		equal(t, "line", message.Data, "here")
		cancel()
	}
	equal(t, "errors", errs, 1)
	got[KillResult](t)(job.Kill(ctx(t)))
}

func TestFollowReportsGaps(t *testing.T) {
	c := client(t)
	job := got[*Job](t)(c.Bash(Agent(1, 1), "seq 3000").Run(ctx(t)))
	messages, gaps := 0, 0
	for _, err := range job.Follow(ctx(t), MsgQuery{}) {
		if err == nil {
			messages++
			continue
		}
		wants(t, err, ErrGap)
		var known *Error
		equal(t, "kind of error", errors.As(err, &known) && !known.IsFinal(), true)
		gap := known.Gap()
		equal(t, "gap", gap.After >= 0 && gap.Before > gap.After, true)
		gaps++
	}
	equal(t, "all that an agent returns", gaps > 0 && messages >= 1000 && messages < 3000, true)
}

func TestFollowOfALostJob(t *testing.T) {
	c := client(t)
	job := got[*Job](t)(c.Bash(Agent(1, 1), "echo line").Run(ctx(t)))
	redisDo(t, "DEL", "cmd."+job.ID+".1.1")
	redisDo(t, "HSET", "jobresult:"+job.ID, "1:1", `{"id":"x","gid":1,"nid":1,"state":"RUNNING"}`)
	command := got[*Command](t)(c.GetByID(job.ID))
	defer command.Close()
	var last error
	for _, err := range got[[]*Job](t)(command.Jobs(ctx(t)))[0].Follow(ctx(t), MsgQuery{}) {
		last = err
	}
	wants(t, last, ErrLost)
}
