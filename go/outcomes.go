package acclient

// #include <acclient.h>
import "C"

import "context"

// OutcomeKind is what came of a question to an agent.
type OutcomeKind int

// What came of a question to an agent.
const (
	// Done: the agent has answered.
	Done OutcomeKind = C.ACCLIENT_OUTCOME_DONE
	// Over: the job was over already; nothing was asked.
	Over OutcomeKind = C.ACCLIENT_OUTCOME_OVER
	// Failed: the agent gave no answer in time, or refused.
	Failed OutcomeKind = C.ACCLIENT_OUTCOME_FAILED
)

// Outcome is what came of a question to one of the agents that a command went to.
type Outcome[T any] struct {
	// Agent is who was asked.
	Agent AgentID
	// Kind says which of the fields below counts.
	Kind OutcomeKind
	// Answer is the answer, where it is [Done].
	Answer T
	// Job is the job, where it is [Over].
	Job *Job
	// Err is why there is no answer, where it has [Failed].
	Err error
}

// KillEverywhere is [Command.Kill] with what came of it for each agent, in the order of agents. The
// answers are empty.
func (c *Command) KillEverywhere(ctx context.Context) ([]Outcome[struct{}], error) {
	var outcomes *C.acclient_outcomes
	err := c.ask(ctx, func(ptr *C.acclient_command, call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_command_kill_everywhere(ptr, call.ms(), call.cancel, &outcomes, raw)
	})
	if err != nil {
		return nil, err
	}
	return takeOutcomes(ctx, c.client, outcomes, func(*C.acclient_answer) (struct{}, error) {
		return struct{}{}, nil
	}), nil
}

// Stats tells what the command uses at this moment, on each agent.
func (c *Command) Stats(ctx context.Context) ([]Outcome[*ProcessStats], error) {
	var outcomes *C.acclient_outcomes
	err := c.ask(ctx, func(ptr *C.acclient_command, call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_command_get_stats(ptr, call.ms(), call.cancel, &outcomes, raw)
	})
	if err != nil {
		return nil, err
	}
	return takeOutcomes(ctx, c.client, outcomes, readStats), nil
}

// Msgs gives what the command has logged, on each agent, newest first.
func (c *Command) Msgs(ctx context.Context, query MsgQuery) ([]Outcome[[]Message], error) {
	var lent lent
	defer lent.free()
	asked := query.lend(&lent)
	if lent.err != nil {
		return nil, lent.err
	}
	var outcomes *C.acclient_outcomes
	err := c.ask(ctx, func(ptr *C.acclient_command, call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_command_get_msgs(ptr, asked.levels, asked.limit, asked.from, asked.to, call.ms(),
			call.cancel, &outcomes, raw)
	})
	if err != nil {
		return nil, err
	}
	return takeOutcomes(ctx, c.client, outcomes, func(answer *C.acclient_answer) ([]Message, error) {
		return readMessages(answer), nil
	}), nil
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
			Agent: AgentID{
				int64(C.acclient_outcomes_gid(outcomes, index)),
				int64(C.acclient_outcomes_nid(outcomes, index)),
			},
			Kind: OutcomeKind(C.acclient_outcomes_kind(outcomes, index)),
			Job:  copyJob(c, C.acclient_outcomes_job(outcomes, index)),
		}
		if answer := C.acclient_outcomes_answer(outcomes, index); answer != nil {
			outcome.Answer, outcome.Err = read(answer)
			if outcome.Err != nil {
				outcome.Kind = Failed
			}
		}
		if raw := C.acclient_outcomes_error(outcomes, index); raw != nil {
			outcome.Err = copyError(ctx, c, raw)
		}
		list = append(list, outcome)
	}
	return list
}
