package acclient

// #include "acclient.h"
import "C"

import (
	"context"
	"fmt"
	"iter"
	"unsafe"
)

// RolloutPlan is the plan of a rollout, how a command is sent to many agents in batches. Set either Agents or
// Percent.
type RolloutPlan struct {
	// Agents is the number of agents in a batch. The next batch is sent once all agents of the last have answered.
	Agents int
	// Percent is the size of a batch as a percentage of the agents, 1 to 100; at least one agent.
	Percent int
	// Sliding makes the batch a sliding window: the next agent gets its command as soon as one has answered, so
	// that the window stays full and a slow agent holds up only its own place.
	Sliding bool
	// StopAfter is the number of failures after which no further command is sent: jobs that end in a state other
	// than [StateSuccess], and errors. 0: never stops.
	StopAfter int
	// Sample is the number of agents to choose at random. 0: all of them, in the order of their numbers.
	Sample int
}

func (p RolloutPlan) build() (*C.acclient_rollout_plan, func(), error) {
	if (p.Agents == 0) == (p.Percent == 0) {
		return nil, nil, errInvalid(fmt.Sprintf(
			"invalid RolloutPlan with Agents %d and Percent %d: expected exactly one of them", p.Agents, p.Percent))
	}
	return build(func(ptr **C.acclient_rollout_plan, raw errorOut) status {
		if p.Percent != 0 {
			return C.acclient_rollout_plan_percent(C.int64_t(p.Percent), ptr, raw)
		}
		return C.acclient_rollout_plan_agents(C.int64_t(p.Agents), ptr, raw)
	}, func(ptr *C.acclient_rollout_plan) { C.acclient_rollout_plan_free(ptr) }, p.set)
}

func (p RolloutPlan) set(args *arguments, ptr *C.acclient_rollout_plan) {
	if p.Sliding {
		args.call(func(raw errorOut) status { return C.acclient_rollout_plan_set_sliding(ptr, raw) })
	}
	args.number(int64(p.StopAfter), func(failures C.int64_t, raw errorOut) status {
		return C.acclient_rollout_plan_set_stop_after(ptr, failures, raw)
	})
	args.number(int64(p.Sample), func(agents C.int64_t, raw errorOut) status {
		return C.acclient_rollout_plan_set_sample(ptr, agents, raw)
	})
}

// Rollout is a command sent to many agents in batches, with the results in completion order, until the end of one
// context. It holds a connection of the client while a batch is in progress, until it is closed. [Request.Rollout]
// opens and closes one.
type Rollout struct {
	stream *stream
}

// Rollout sends the command to all agents of its target in batches, as a separate command for each agent, and
// iterates over the results in completion order; [Job.ID] is the command's id. A target with roles is resolved to
// the agents that have them now. It is not for [Any], nor for a request with an ID. Use [Request.OpenRollout] to
// learn whether the rollout has stopped, which agents are left, and which commands are in flight.
//
// Rollout reconnects and retries while Redis is unreachable. Errors with an agent are those of [Command.Results].
// After a command that Redis did not confirm ([Error.IsMaybeSent]) no further batch is sent. An error without an
// agent is the last, and nothing was sent to the remaining agents. A rollout that cannot start yields one error:
// [ErrInvalidArgument], also for a recurring command and a context without a deadline; [ErrNoSuchAgent] if no agent
// matches; [ErrUnknownCommand] if the controller does not list its agents.
func (r *Request) Rollout(ctx context.Context, plan RolloutPlan) iter.Seq2[*Job, error] {
	return each(func() (*Rollout, error) { return r.OpenRollout(ctx, plan) }, (*Rollout).Next)
}

// OpenRollout opens the iterator of [Request.Rollout]. Close it after use. It returns once the controller has
// listed its agents; no command is sent before the first [Rollout.Next].
func (r *Request) OpenRollout(ctx context.Context, plan RolloutPlan) (*Rollout, error) {
	request, freeRequest, err := r.build()
	if err != nil {
		return nil, err
	}
	defer freeRequest()
	batches, freePlan, err := plan.build()
	if err != nil {
		return nil, err
	}
	defer freePlan()
	if err := check(ctx); err != nil {
		return nil, err
	}
	free, err := r.client.slot(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer free()
	stream, err := r.client.open(ctx, "rollout", func(call *call, raw errorOut) (status, unsafe.Pointer, func()) {
		var ptr *C.acclient_rollout
		code := C.acclient_request_rollout(request, batches, call.ms(), call.cancel, &ptr, raw)
		return code, unsafe.Pointer(ptr), func() { C.acclient_rollout_free(ptr) }
	})
	if err != nil {
		return nil, err
	}
	return &Rollout{stream}, nil
}

// opened returns the stream of the rollout, or nil if there is none.
func (r *Rollout) opened() *stream {
	if r == nil {
		return nil
	}
	return r.stream
}

// Next waits for the next result, and sends the next batch, or the next commands of a sliding window, when due. It
// returns [io.EOF] if there are no more or the rollout has stopped. Errors are those of [Request.Rollout].
func (r *Rollout) Next() (*Job, error) {
	return r.opened().nextJob(func(ptr unsafe.Pointer, job **C.acclient_job, raw errorOut) status {
		return C.acclient_rollout_next((*C.acclient_rollout)(ptr), job, raw)
	})
}

// Agents returns the agents of the rollout, in the order of their numbers; none after Close.
func (r *Rollout) Agents() []AgentID {
	return r.agents(func(ptr *C.acclient_rollout, index C.size_t, gid, nid *C.int64_t) C.bool {
		return C.acclient_rollout_agent(ptr, index, gid, nid)
	}, func(ptr *C.acclient_rollout) C.size_t { return C.acclient_rollout_agent_count(ptr) })
}

// NotStarted returns the agents to which nothing was sent yet. Nothing is sent to them unless another result is
// waited for. It returns none while another goroutine waits, and after Close.
func (r *Rollout) NotStarted() []AgentID {
	// No batch may start between two C calls.
	unlock, err := r.tryLock()
	if err != nil {
		return nil
	}
	defer unlock()
	return r.agents(func(ptr *C.acclient_rollout, index C.size_t, gid, nid *C.int64_t) C.bool {
		return C.acclient_rollout_not_started(ptr, index, gid, nid)
	}, func(ptr *C.acclient_rollout) C.size_t { return C.acclient_rollout_not_started_count(ptr) })
}

func (r *Rollout) agents(
	at func(ptr *C.acclient_rollout, index C.size_t, gid, nid *C.int64_t) C.bool,
	count func(ptr *C.acclient_rollout) C.size_t,
) (agents []AgentID) {
	r.look(func(ptr *C.acclient_rollout) {
		for index := range count(ptr) {
			agent, _ := agentOf(func(gid, nid *C.int64_t) C.bool { return at(ptr, index, gid, nid) })
			agents = append(agents, agent)
		}
	})
	return agents
}

// BatchSize returns the number of agents in a batch or in the sliding window; the last batch may have fewer. 0
// after Close.
func (r *Rollout) BatchSize() (size int) {
	r.look(func(ptr *C.acclient_rollout) { size = int(C.acclient_rollout_batch_size(ptr)) })
	return size
}

// InFlight returns the commands in flight, those sent with a result that was not returned yet, in the order of
// agents. There are none before the first result and once all agents have answered. Close each of them.
//
// In-flight commands stay available after the rollout has ended, to be killed or looked up again: an agent that did
// not answer by the deadline may still run its job, and so may one whose command Redis did not confirm
// ([Error.IsMaybeSent]). Commands that were certainly not sent, or whose result cannot be decoded, are not
// included. They outlive the rollout and its context. InFlight returns [ErrClosed] after Close and
// [ErrInvalidArgument] while another goroutine waits.
func (r *Rollout) InFlight() ([]*Command, error) {
	// No result may be returned between two C calls.
	unlock, err := r.tryLock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	ptr, err := r.stream.handle.acquire(nil)
	if err != nil {
		return nil, err
	}
	defer r.stream.handle.release(nil)
	rollout := (*C.acclient_rollout)(ptr)
	var commands []*Command
	for index := range C.acclient_rollout_in_flight_count(rollout) {
		var command *C.acclient_command
		if err := plain(func(raw errorOut) status {
			return C.acclient_rollout_in_flight(rollout, index, &command, raw)
		}); err != nil {
			for _, command := range commands {
				command.Close()
			}
			return nil, err
		}
		commands = append(commands, newCommand(r.stream.client, command))
	}
	return commands, nil
}

// tryLock keeps Next from running until unlock.
func (r *Rollout) tryLock() (unlock func(), err error) {
	opened := r.opened()
	if opened == nil {
		return nil, errInvalid("nil or zero Rollout: expected one from Request.OpenRollout")
	}
	select {
	case opened.gate <- struct{}{}:
		return opened.gate.unlock, nil
	default:
		return nil, errInvalid("the rollout is in use: another goroutine waits for a result")
	}
}

// Failures returns the number of failures among the results and errors returned so far; 0 while another goroutine
// waits, and after Close.
func (r *Rollout) Failures() (failures int) {
	r.look(func(ptr *C.acclient_rollout) { failures = int(C.acclient_rollout_failures(ptr)) })
	return failures
}

// IsStopped reports whether sending has stopped although agents are left: after too many failures, after the
// deadline, or because the rollout was ended. False while another goroutine waits, and after Close.
func (r *Rollout) IsStopped() (stopped bool) {
	r.look(func(ptr *C.acclient_rollout) { stopped = bool(C.acclient_rollout_is_stopped(ptr)) })
	return stopped
}

func (r *Rollout) look(f func(ptr *C.acclient_rollout)) {
	r.opened().look(func(ptr unsafe.Pointer) { f((*C.acclient_rollout)(ptr)) })
}

// Close frees the rollout and its connection; running jobs continue, and no further batch is sent. A blocked Next
// returns [ErrClosed]. Close returns nil.
func (r *Rollout) Close() error { return r.opened().close() }
