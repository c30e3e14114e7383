package acclient

// #include "acclient.h"
import "C"

import "context"

// Stage is the stage of a command. Later versions of the library may add more.
type Stage int32

// Stages of a command, in the order of its progress.
const (
	// StageInQueue: in the queue; no controller has taken it. [Command.Retract] can remove it.
	StageInQueue Stage = C.ACCLIENT_STAGE_IN_QUEUE
	// StageRouted: routed to the agent but not fetched by it: the agent is down, stopped or full (100 jobs).
	StageRouted Stage = C.ACCLIENT_STAGE_ROUTED
	// StageQueuedOnAgent: fetched by the agent and waiting behind another job of the same queue; see
	// [RunArgs.Queue]. A kill does not reach it, and it is lost if the agent dies.
	StageQueuedOnAgent Stage = C.ACCLIENT_STAGE_QUEUED_ON_AGENT
	// StageRunning: running on the agent, waiting for its next run, or ending after a kill.
	StageRunning Stage = C.ACCLIENT_STAGE_RUNNING
	// StageDone: completed; the result is available.
	StageDone Stage = C.ACCLIENT_STAGE_DONE
	// StageLost: submitted, but no result can follow: a controller took the command and exited before routing it,
	// the job ended while the controller was down, or the agent has restarted since.
	StageLost Stage = C.ACCLIENT_STAGE_LOST
	// StageUnknown: unknown, for one of these reasons. Redis has no trace of the command, which may never have been
	// submitted. The controller that may have taken it from the queue does not answer. The agent that fetched it
	// does not answer: it is down, stopped or full (100 jobs), or Redis refuses writes. Or the agent does not run
	// it, and the handle (by id alone) does not tell whether it waits in a queue of the agent.
	StageUnknown Stage = C.ACCLIENT_STAGE_UNKNOWN
)

// String returns the name of the stage, like "in queue".
func (s Stage) String() string { return C.GoString(C.acclient_stage_name(C.int32_t(s))) }

// Progress is the progress of a command, as a whole and on each agent.
type Progress struct {
	// Stage is the stage of the command as a whole. While no agent is known it is [StageInQueue], [StageLost] or
	// [StageUnknown]; otherwise it is the earliest stage of any agent. If a controller exited or is slow before it
	// has routed the command to all agents with its roles, the stage of the rest (lost or unknown) counts too.
	Stage Stage
	// Agents is the stage of each agent that the command is known to have been routed to. Listed agents that the
	// controller does not know are omitted.
	Agents map[AgentID]Stage
	// RedisLostData is whether Redis has lost its data since it confirmed the command. The command may still run:
	// agents named by the target are asked, and any other stage is [StageUnknown]. Always false if the user may not
	// run INFO server, and for a command looked up by its id or handle string.
	RedisLostData bool
}

// Progress determines the progress of the command on each agent: it reads Redis, searches the queue, and asks the
// agents that have fetched the command whether they run it. Agents that do not answer by the deadline are
// [StageUnknown]; without a deadline they have the timeout that the client was connected with, or 10 s.
//
// Agents do not list jobs that wait in their queues. If the command has a queue and the agent lists no job of it,
// Progress therefore sends a "ping" through the same queue. Progress returns [ErrNoSuchAgent] if the controller
// knew no agent for the target.
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

// Retract removes the command from the queue if no controller has taken it, so that it never runs. It returns
// whether the command was removed; if not, it may run or have run. It returns [ErrMaybeSent] if the connection was
// lost meanwhile: the command may or may not have been removed.
func (c *Command) Retract(ctx context.Context) (bool, error) {
	var retracted C.bool
	err := c.beside(ctx, func(command *C.acclient_command, call *call, raw errorOut) status {
		return C.acclient_command_retract(command, call.ms(), call.cancel, &retracted, raw)
	})
	return bool(retracted), err
}
