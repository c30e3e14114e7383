package acclient

// #include <acclient.h>
import "C"

import "context"

// Stage is how far a command got. Later versions of the library may add some.
type Stage int32

// How far a command got.
const (
	// StageInQueue: no controller has taken it. [Command.Retract] takes it back.
	StageInQueue Stage = C.ACCLIENT_STAGE_IN_QUEUE
	// StageRouted: routed to the agent, which has not fetched it: it is away, or has enough to do.
	StageRouted Stage = C.ACCLIENT_STAGE_ROUTED
	// StageRunning: the agent runs it.
	StageRunning Stage = C.ACCLIENT_STAGE_RUNNING
	// StageDone: there is a result.
	StageDone Stage = C.ACCLIENT_STAGE_DONE
	// StageLost: it was submitted, and nobody has it any more: a controller took it and ended before it
	// was routed, or the job ended while the controller was down, which loses its result for good.
	StageLost Stage = C.ACCLIENT_STAGE_LOST
	// StageUnknown: nothing is known of it, and it is not known whether it was ever submitted; or the
	// agent that was running it does not answer.
	StageUnknown Stage = C.ACCLIENT_STAGE_UNKNOWN
)

// String is the name of the stage, like "in queue".
func (s Stage) String() string { return C.GoString(C.acclient_stage_name(C.int32_t(s))) }

// Progress is how far a command got, as a whole and agent by agent.
type Progress struct {
	// Stage is, as long as no agent is known, [StageInQueue], [StageLost] or [StageUnknown]; then that
	// of the agent that is least far.
	Stage Stage
	// Agents has each agent that the command went to: the agent 0:0, where no agent matched a target.
	Agents map[AgentID]Stage
}

// Progress tells how far the command got, on each agent, as well as can be found out: it reads what
// Redis has, looks through the queue, and asks the agents that are said to run it whether they do.
// Those that do not answer before the deadline of the context are [StageUnknown]; without a deadline
// they have the time that the client was connected within, or else 10 s.
func (c *Command) Progress(ctx context.Context) (*Progress, error) {
	var ptr *C.acclient_progress
	err := c.beside(ctx, func(command *C.acclient_command, call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_command_progress(command, call.ms(), call.cancel, &ptr, raw)
	})
	if err != nil {
		return nil, err
	}
	defer own(func() { C.acclient_progress_free(ptr) })()
	progress := &Progress{Stage: Stage(C.acclient_progress_stage(ptr)), Agents: map[AgentID]Stage{}}
	for index := range C.acclient_progress_count(ptr) {
		agent := AgentID{
			int64(C.acclient_progress_gid(ptr, index)),
			int64(C.acclient_progress_nid(ptr, index)),
		}
		progress.Agents[agent] = Stage(C.acclient_progress_stage_at(ptr, index))
	}
	return progress, nil
}

// Retract takes the command back if no controller has taken it yet. It gives whether the command was
// still in the queue, and thus never ran and never will; if not, it may run or have run. [ErrMaybeSent]
// where the connection broke as it was taken back.
func (c *Command) Retract(ctx context.Context) (bool, error) {
	var retracted C.bool
	err := c.beside(ctx, func(command *C.acclient_command, call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_command_retract(command, call.ms(), call.cancel, &retracted, raw)
	})
	return bool(retracted), err
}

// beside makes a call for which C lets others wait with the same handle meanwhile.
func (c *Command) beside(
	ctx context.Context,
	f func(ptr *C.acclient_command, call *call, raw **C.acclient_error) C.acclient_status,
) error {
	ptr := c.handle.acquire()
	if ptr == nil {
		return errClosed("command")
	}
	defer c.handle.release()
	return c.client.do(ctx, func(call *call, raw **C.acclient_error) C.acclient_status {
		return f((*C.acclient_command)(ptr), call, raw)
	})
}
