package acclient

// #include "acclient.h"
import "C"

import "context"

// OutcomeKind is a kind of outcome.
type OutcomeKind int

// Kinds of outcomes.
const (
	// OutcomeDone: the agent answered.
	OutcomeDone OutcomeKind = C.ACCLIENT_OUTCOME_DONE
	// OutcomeOver: the job had already ended; the agent was not asked.
	OutcomeOver OutcomeKind = C.ACCLIENT_OUTCOME_OVER
	// OutcomeFailed: the agent refused or did not answer in time.
	OutcomeFailed OutcomeKind = C.ACCLIENT_OUTCOME_FAILED
)

// String returns the name of the kind: "done", "over" or "failed".
func (k OutcomeKind) String() string { return C.GoString(C.acclient_outcome_name(C.int32_t(k))) }

// KillResult is the result of a kill that an agent has accepted.
type KillResult int32

// Results of kills.
const (
	// KillEnded: the job has ended and its result is available. Its state is [StateKilled], or another one if the
	// job ended before the kill reached it.
	KillEnded KillResult = C.ACCLIENT_KILL_ENDED
	// KillOrdered: the agent has killed the process, now or by an earlier kill, but the job has not ended: a
	// process that it started still holds the job's output. The result follows when that process ends.
	KillOrdered KillResult = C.ACCLIENT_KILL_ORDERED
)

// String returns the name of the result: "ended" or "ordered".
func (k KillResult) String() string { return C.GoString(C.acclient_kill_name(C.int32_t(k))) }

// Outcome is the outcome of a kill, stats, messages or processes request on one agent.
type Outcome[T any] struct {
	// Agent is the agent.
	Agent AgentID
	// Kind determines which of the following fields is set.
	Kind OutcomeKind
	// Answer is the answer of the agent, for [OutcomeDone].
	Answer T
	// Job is the job, for [OutcomeOver].
	Job *Job
	// Err is why the agent did not answer, for [OutcomeFailed].
	Err error
}

// Kill kills the job on every agent that runs it, and returns an outcome for each agent, ordered by agent. The
// answer is whether the job has ended. Kill sends nothing to an agent whose job has ended or is ending after an
// earlier kill.
//
// An agent sends SIGKILL to the process that it started and to no other. Children of that process continue to run,
// and KILLED is reported when the last of them has closed the job's output; output after the kill is discarded. The
// script of a [Client.Bash] command is a child of that process, so it runs to its end; see [Request.Killable]. A kill does not
// reach a job that waits in a queue of the agent or for a full agent.
//
// An agent never answers a second kill of a job that is still ending, and that kill occupies one of its 100 job
// slots until it restarts. So Kill asks the agent first, and sets the key cmd.<id>.killed.<gid>.<nid> for 24 hours,
// from which later calls in any process learn of the kill.
//
// Errors of single agents are in their outcomes: [ErrNotRunning] if the agent does not run the job; [ErrTimeout]
// for an agent that is down, stopped or full; [ErrNoSuchAgent] for a listed agent that the controller does not
// know. Kill returns [ErrNoSuchAgent] if the controller knew no agent for the target.
func (c *Command) Kill(ctx context.Context) ([]Outcome[KillResult], error) {
	return askEach(ctx, c, func(
		ptr *C.acclient_command, call *call, outcomes **C.acclient_outcomes, raw errorOut,
	) status {
		return C.acclient_command_kill(ptr, call.ms(), call.cancel, outcomes, raw)
	}, func(outcomes *C.acclient_outcomes, index C.size_t) (KillResult, error) {
		return KillResult(C.acclient_outcomes_kill(outcomes, index)), nil
	})
}

// Stats reads the resource usage of the command on each agent. For [Client.Bash] it covers the shell that runs the
// script, without the script.
func (c *Command) Stats(ctx context.Context) ([]Outcome[*ProcessStats], error) {
	return askEach(ctx, c, func(
		ptr *C.acclient_command, call *call, outcomes **C.acclient_outcomes, raw errorOut,
	) status {
		return C.acclient_command_get_stats(ptr, call.ms(), call.cancel, outcomes, raw)
	}, answers(readStats))
}

// Msgs reads the log of the command on each agent, newest first.
func (c *Command) Msgs(ctx context.Context, query MsgQuery) ([]Outcome[[]Message], error) {
	asked, free, err := query.build()
	if err != nil {
		return nil, err
	}
	defer free()
	return askEach(ctx, c, func(
		ptr *C.acclient_command, call *call, outcomes **C.acclient_outcomes, raw errorOut,
	) status {
		return C.acclient_command_get_msgs(ptr, asked, call.ms(), call.cancel, outcomes, raw)
	}, answers(readMessages))
}

// answers reads the answer of an [OutcomeDone].
func answers[T any](read func(answer *C.acclient_answer) (T, error)) reader[T] {
	return func(outcomes *C.acclient_outcomes, index C.size_t) (T, error) {
		return read(C.acclient_outcomes_answer(outcomes, index))
	}
}

// reader reads what an [OutcomeDone] holds.
type reader[T any] func(outcomes *C.acclient_outcomes, index C.size_t) (T, error)

func askEach[T any](
	ctx context.Context, c *Command,
	f func(ptr *C.acclient_command, call *call, outcomes **C.acclient_outcomes, raw errorOut) status,
	read reader[T],
) ([]Outcome[T], error) {
	var outcomes *C.acclient_outcomes
	if err := c.ask(ctx, func(ptr *C.acclient_command, call *call, raw errorOut) status {
		return f(ptr, call, &outcomes, raw)
	}); err != nil {
		return nil, err
	}
	return takeOutcomes(ctx, c.client, outcomes, read), nil
}

// takeOutcomes copies outcomes and frees them.
func takeOutcomes[T any](
	ctx context.Context, c *Client, outcomes *C.acclient_outcomes,
	read reader[T],
) []Outcome[T] {
	defer own(func() { C.acclient_outcomes_free(outcomes) })()
	var list []Outcome[T]
	for index := range C.acclient_outcomes_count(outcomes) {
		outcome := Outcome[T]{
			Kind: OutcomeKind(C.acclient_outcomes_kind(outcomes, index)),
			Job:  copyJob(c, C.acclient_outcomes_job(outcomes, index)),
		}
		outcome.Agent, _ = agentOf(func(gid, nid *C.int64_t) C.bool {
			return C.acclient_outcomes_agent(outcomes, index, gid, nid)
		})
		if outcome.Kind == OutcomeDone {
			outcome.Answer, outcome.Err = read(outcomes, index)
			if outcome.Err != nil {
				outcome.Kind = OutcomeFailed
			}
		}
		if raw := C.acclient_outcomes_error(outcomes, index); raw != nil {
			outcome.Err = copyError(ctx, c, raw)
		}
		list = append(list, outcome)
	}
	return list
}
