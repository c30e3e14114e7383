package acclient

// #include <acclient.h>
import "C"

import "context"

// OutcomeKind is a kind of outcome.
type OutcomeKind int

// Kinds of outcomes.
const (
	// OutcomeDone: the agent has answered.
	OutcomeDone OutcomeKind = C.ACCLIENT_OUTCOME_DONE
	// OutcomeOver: the job was over already; the agent was not asked.
	OutcomeOver OutcomeKind = C.ACCLIENT_OUTCOME_OVER
	// OutcomeFailed: the agent gave no answer in time, or refused.
	OutcomeFailed OutcomeKind = C.ACCLIENT_OUTCOME_FAILED
)

// String returns the name of the kind: "done", "over" or "failed".
func (k OutcomeKind) String() string { return C.GoString(C.acclient_outcome_name(C.int32_t(k))) }

// Outcome is the outcome of a kill, stats, messages or processes request on one agent.
type Outcome[T any] struct {
	// Agent is the agent.
	Agent AgentID
	// Kind tells which of the fields below is set.
	Kind OutcomeKind
	// Answer is the answer of the agent, for [OutcomeDone].
	Answer T
	// Job is the job, for [OutcomeOver].
	Job *Job
	// Err says why the agent gave no answer, for [OutcomeFailed].
	Err error
}

// Kill kills the job on every agent that runs it, with all its processes, and returns once the agents have
// accepted the order; the results, usually KILLED, follow. There is an outcome for each agent, in the order of
// agents, whose answer is empty. An error of one agent is in its outcome.
func (c *Command) Kill(ctx context.Context) ([]Outcome[struct{}], error) {
	return askEach(ctx, c, func(
		ptr *C.acclient_command, call *call, outcomes **C.acclient_outcomes, raw errorOut,
	) status {
		return C.acclient_command_kill(ptr, call.ms(), call.cancel, outcomes, raw)
	}, func(*C.acclient_answer) (nothing struct{}, err error) { return })
}

// Stats reads what the command uses at this moment, on each agent.
func (c *Command) Stats(ctx context.Context) ([]Outcome[*ProcessStats], error) {
	return askEach(ctx, c, func(
		ptr *C.acclient_command, call *call, outcomes **C.acclient_outcomes, raw errorOut,
	) status {
		return C.acclient_command_get_stats(ptr, call.ms(), call.cancel, outcomes, raw)
	}, readStats)
}

// Msgs reads what the command has logged, on each agent, newest first.
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
	}, readMessages)
}

func askEach[T any](
	ctx context.Context, c *Command,
	f func(ptr *C.acclient_command, call *call, outcomes **C.acclient_outcomes, raw errorOut) status,
	read func(answer *C.acclient_answer) (T, error),
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
	read func(answer *C.acclient_answer) (T, error),
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
		if answer := C.acclient_outcomes_answer(outcomes, index); answer != nil {
			outcome.Answer, outcome.Err = read(answer)
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
