package acclient

// #include <acclient.h>
import "C"

import (
	"context"
	"io"
	"iter"
	"runtime"
	"unsafe"
)

// RolloutPlan is how a command is sent to some agents at a time. Either Agents or Percent is set.
type RolloutPlan struct {
	// Agents: so many agents at a time; the next batch begins when all of the last have answered.
	Agents int
	// Percent: so many per cent of all agents at a time, 1 to 100; at least one agent.
	Percent int
	// StopAfter: no other batch begins after so many failures: jobs that end in another state than
	// [StateSuccess], and errors. 0: it never stops.
	StopAfter int
	// Sample: only so many of the agents, chosen at random. 0: all of them, in the order of their
	// numbers.
	Sample int
}

// Rollout is a command on its way to many agents, some at a time, until the end of one context. It holds
// a connection of the client while a batch is under way, until it is closed. [Request.Rollout] opens and
// closes one by itself.
type Rollout struct {
	stream stream
}

// Rollout sends the command to all agents of its target, some at a time, each as a command of its own,
// and gives the results in order of completion; [Job.ID] tells the command. A target with roles means
// the agents that have them now. Not for [Any], nor with an ID. With [Request.OpenRollout] it can be
// asked too whether it was stopped, which agents are left, and which commands have no result yet.
//
// While Redis is away it is tried again until the deadline. Errors about an agent are as those of
// [Command.Results]; after one whose command may run or not ([Error.IsMaybeSent]) no other batch begins.
// An error that is about no agent is the last, and the agents that are left got nothing. It starts with one
// error, and ends, where it cannot begin: [ErrInvalidArgument], also for a context without a deadline
// and a recurring command; [ErrNoSuchAgent] where no agent matches; [ErrUnknownCommand] from a
// controller that does not tell its agents.
func (r *Request) Rollout(ctx context.Context, plan RolloutPlan) iter.Seq2[*Job, error] {
	return each(func() (*Rollout, error) { return r.OpenRollout(ctx, plan) })
}

// OpenRollout is [Request.Rollout] piece by piece; it has to be closed. It returns once the controller
// has said which agents there are; nothing is sent before the first [Rollout.Next].
func (r *Request) OpenRollout(ctx context.Context, plan RolloutPlan) (*Rollout, error) {
	request, freeRequest, err := r.build()
	if err != nil {
		return nil, err
	}
	defer freeRequest()
	if err := r.client.slot(ctx); err != nil {
		return nil, err
	}
	defer func() { <-r.client.slots }()
	var ptr *C.acclient_rollout
	stream, err := r.client.open(ctx, func(call *call, raw **C.acclient_error) (C.acclient_status, func()) {
		status := C.acclient_request_rollout(request, C.int64_t(plan.Agents), C.int64_t(plan.Percent),
			C.int64_t(plan.StopAfter), C.int64_t(plan.Sample), call.ms(), call.cancel, &ptr, raw)
		return status, func() { C.acclient_rollout_free(ptr) }
	}, func() unsafe.Pointer { return unsafe.Pointer(ptr) })
	if err != nil {
		return nil, err
	}
	rollout := &Rollout{*stream}
	runtime.SetFinalizer(rollout, func(r *Rollout) { r.stream.handle.close() })
	return rollout, nil
}

// Next waits for the next result, and sends the next batch where all of the last have answered; io.EOF
// when there is none left, or it is stopped. Errors are as those of [Request.Rollout].
func (r *Rollout) Next() (*Job, error) {
	var job *C.acclient_job
	err := r.stream.next(func(ptr unsafe.Pointer, raw **C.acclient_error) C.acclient_status {
		return C.acclient_rollout_next((*C.acclient_rollout)(ptr), &job, raw)
	})
	if err != nil {
		return nil, err
	}
	if job == nil {
		return nil, io.EOF
	}
	return takeJob(r.stream.client, job), nil
}

// Agents are all that it is for, in the order of their numbers; none after it was closed.
func (r *Rollout) Agents() []AgentID {
	var agents []AgentID
	r.look(func(ptr *C.acclient_rollout) {
		for index := range C.acclient_rollout_agent_count(ptr) {
			agents = append(agents, AgentID{
				int64(C.acclient_rollout_agent_gid(ptr, index)),
				int64(C.acclient_rollout_agent_nid(ptr, index)),
			})
		}
	})
	return agents
}

// BatchSize is how many agents get the command at a time; the last batch may have fewer. 0 after it was
// closed.
func (r *Rollout) BatchSize() (size int) {
	r.look(func(ptr *C.acclient_rollout) { size = int(C.acclient_rollout_batch_size(ptr)) })
	return size
}

// InFlight are the commands that were sent and have no result yet among those that were taken, in the
// order of their agents; none before the first result, and none once all have answered. Each has to be
// closed.
//
// Whatever has ended the rollout, it goes on telling them, so that they can be killed or come back to: an
// agent that did not answer until the end of the context may still be at work, and so may one whose command
// Redis did not confirm ([Error.IsMaybeSent]). A command that surely was not sent is not among them, and
// neither is one whose result cannot be read. They outlive the rollout and its context. [ErrClosed] after
// it was closed, [ErrInvalidArgument] while another goroutine waits.
func (r *Rollout) InFlight() ([]*Command, error) {
	// None is to be answered between two looks.
	select {
	case r.stream.gate <- struct{}{}:
		defer r.stream.gate.unlock()
	default:
		return nil, &Error{Code: ErrInvalidArgument, Message: "another goroutine waits for a result"}
	}
	var err error = errClosed("iterator")
	var commands []*Command
	r.look(func(ptr *C.acclient_rollout) {
		err = nil
		for index := range C.acclient_rollout_in_flight_count(ptr) {
			var command *C.acclient_command
			if err = plain(func(raw **C.acclient_error) C.acclient_status {
				return C.acclient_rollout_in_flight_command(ptr, index, &command, raw)
			}); err != nil {
				return
			}
			commands = append(commands, newCommand(r.stream.client, command))
		}
	})
	if err != nil {
		for _, command := range commands {
			command.Close()
		}
		return nil, err
	}
	return commands, nil
}

// NotStarted are agents to which nothing was sent, and is not if nobody takes another result; none while
// another goroutine waits, and after it was closed.
func (r *Rollout) NotStarted() []AgentID {
	// No batch is to begin between two looks.
	select {
	case r.stream.gate <- struct{}{}:
		defer r.stream.gate.unlock()
	default:
		return nil
	}
	var agents []AgentID
	r.look(func(ptr *C.acclient_rollout) {
		for index := range C.acclient_rollout_not_started_count(ptr) {
			agents = append(agents, AgentID{
				int64(C.acclient_rollout_not_started_gid(ptr, index)),
				int64(C.acclient_rollout_not_started_nid(ptr, index)),
			})
		}
	})
	return agents
}

// Failures is how many have failed so far, among the results and errors that were taken; 0 while
// another goroutine waits, and after it was closed.
func (r *Rollout) Failures() (failures int) {
	r.look(func(ptr *C.acclient_rollout) { failures = int(C.acclient_rollout_failures(ptr)) })
	return failures
}

// IsStopped tells whether it begins no other batch, though there are agents left: since so many have
// failed, or its time is over, or it was ended. False while another goroutine waits, and after it was
// closed.
func (r *Rollout) IsStopped() (stopped bool) {
	r.look(func(ptr *C.acclient_rollout) { stopped = bool(C.acclient_rollout_is_stopped(ptr)) })
	return stopped
}

func (r *Rollout) look(f func(ptr *C.acclient_rollout)) {
	ptr := r.stream.handle.acquire()
	if ptr == nil {
		return
	}
	defer r.stream.handle.release()
	f((*C.acclient_rollout)(ptr))
}

// Close gives the connection back; jobs that have begun go on, and no other batch begins. A wait that is
// under way goes on until its context ends. It gives nil.
func (r *Rollout) Close() error {
	r.stream.handle.close()
	return nil
}
