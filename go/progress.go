package acclient

// #include "acclient.h"
import "C"

import "context"

// Stage is how far a command got. Later versions of the library may add some.
type Stage int32

// How far a command got.
const (
	// StageInQueue: in the queue; no controller has taken it. [Command.Retract] takes it back.
	StageInQueue Stage = C.ACCLIENT_STAGE_IN_QUEUE
	// StageRouted: routed to the agent, which has not fetched it: the agent is down, stopped or full (100 jobs).
	StageRouted Stage = C.ACCLIENT_STAGE_ROUTED
	// StageQueuedOnAgent: fetched by the agent, where it waits behind another job of the same queue; see
	// [RunArgs.Queue]. No kill reaches it there, and it is lost if the agent dies.
	StageQueuedOnAgent Stage = C.ACCLIENT_STAGE_QUEUED_ON_AGENT
	// StageRunning: running on the agent, waiting for its next run, or ending after a kill.
	StageRunning Stage = C.ACCLIENT_STAGE_RUNNING
	// StageDone: there is a result.
	StageDone Stage = C.ACCLIENT_STAGE_DONE
	// StageLost: it was submitted and its result cannot come any more: a controller took it and ended before it was
	// routed, the job ended while the controller was down, or the agent was restarted meanwhile.
	StageLost Stage = C.ACCLIENT_STAGE_LOST
	// StageUnknown: nothing is known of it, not even whether it was ever submitted. Or no controller answers that may
	// have taken it from the queue. Or the agent has fetched it and does not answer: it is down, stopped or full (100
	// jobs), or Redis refuses writes. Or the agent does not run it, and the handle does not tell whether it waits in a
	// queue of the agent: a handle by id alone does not.
	StageUnknown Stage = C.ACCLIENT_STAGE_UNKNOWN
)

// String returns the name of the stage, like "in queue".
func (s Stage) String() string { return C.GoString(C.acclient_stage_name(C.int32_t(s))) }

// Progress is how far a command got, as a whole and on each agent.
type Progress struct {
	// Stage is [StageInQueue], [StageLost] or [StageUnknown] while no agent is known; then the stage of the
	// agent that is least far. Where a controller ended, or is slow, before it had routed the command to all agents
	// with its roles, [StageLost] or [StageUnknown] of the rest counts too.
	Stage Stage
	// Agents are the agents that the command went to, as far as is known. Agents of a list that the controller does
	// not know are left out.
	Agents map[AgentID]Stage
	// RedisLostData is whether Redis has lost its data since it confirmed the command. The command may still run:
	// agents that the target names are asked, any other stage is [StageUnknown]. Always false if the user may not run
	// INFO server, and for a command that was found by its id or handle string.
	RedisLostData bool
}

// Progress finds out how far the command got on each agent: it reads what Redis has, searches the queue, and
// asks the agents that have fetched it whether they run it. Those that do not answer by the deadline are
// [StageUnknown]; without a deadline they have the timeout that the client was connected with, or 10 s.
//
// A job that its agent does not run may wait in a queue of the agent, where nobody sees it. If the command has a
// queue, Progress sends a "ping" through the same queue where the agent shows no job of it. [ErrNoSuchAgent] where the
// controller knew no agent for the target.
func (c *Command) Progress(ctx context.Context) (*Progress, error) {
	var ptr *C.acclient_progress
	if err := c.beside(ctx, func(command *C.acclient_command, call *call, raw errorOut) status {
		return C.acclient_command_progress(command, call.ms(), call.cancel, &ptr, raw)
	}); err != nil {
		return nil, err
	}
	defer own(func() { C.acclient_progress_free(ptr) })()
	progress := &Progress{
		Stage:         Stage(C.acclient_progress_stage(ptr)),
		Agents:        map[AgentID]Stage{},
		RedisLostData: bool(C.acclient_progress_redis_lost_data(ptr)),
	}
	for index := range C.acclient_progress_count(ptr) {
		agent, _ := agentOf(func(gid, nid *C.int64_t) C.bool {
			return C.acclient_progress_agent(ptr, index, gid, nid)
		})
		progress.Agents[agent] = Stage(C.acclient_progress_stage_at(ptr, index))
	}
	return progress, nil
}

// Retract takes the command back if no controller has taken it yet, and returns whether it was still in the
// queue: then it never ran and never will. Otherwise it may run or have run. [ErrMaybeSent] where the connection
// broke meanwhile, so that the command may have been taken back or not.
func (c *Command) Retract(ctx context.Context) (bool, error) {
	var retracted C.bool
	err := c.beside(ctx, func(command *C.acclient_command, call *call, raw errorOut) status {
		return C.acclient_command_retract(command, call.ms(), call.cancel, &retracted, raw)
	})
	return bool(retracted), err
}
