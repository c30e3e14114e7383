package acclient

// #include "acclient.h"
import "C"

import (
	"context"
	"encoding/json"
	"io"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// Command is a command that was sent or looked up, with access to its results. Close it after use; its jobs
// continue to run.
type Command struct {
	client *Client
	handle *handle
	gate   gate
	// serial orders the gates that a goroutine locks for several commands.
	serial uint64

	// Copied before any other goroutine has the command: later, reading them could wait for C.
	id, printed, target, cmd, args, data, tags, dump string
}

// serials numbers the commands of the process.
var serials atomic.Uint64

// newCommand takes ownership of a command from C.
func newCommand(c *Client, ptr *C.acclient_command) *Command {
	return borrowCommand(c, ptr, func() { C.acclient_command_free(ptr) })
}

// borrowCommand wraps a command of C that lives until free is called.
func borrowCommand(c *Client, ptr *C.acclient_command, free func()) *Command {
	command := &Command{
		client: c,
		handle: newHandle("command", unsafe.Pointer(ptr), free),
		gate:   newGate(),
		serial: serials.Add(1),
	}
	var length C.size_t
	text := func(text *C.char) string { return copied(text, length) }
	command.id = text(C.acclient_command_id(ptr, &length))
	command.printed = text(C.acclient_command_handle(ptr, &length))
	command.target = text(C.acclient_command_target(ptr, &length))
	command.cmd = text(C.acclient_command_cmd(ptr, &length))
	command.args = text(C.acclient_command_args(ptr, &length))
	command.data = text(C.acclient_command_data(ptr, &length))
	command.tags = text(C.acclient_command_tags(ptr, &length))
	command.dump = text(C.acclient_command_dump(ptr, &length))
	// For programs that forget to close it.
	runtime.SetFinalizer(command, func(c *Command) { c.handle.close() })
	return command
}

// GetByHandle returns the command with a handle string, as returned by [Command.Handle] or [Error.CommandHandle] in
// any process and any language. It sends nothing. Redis keeps results for 24 hours.
func (c *Client) GetByHandle(handle string) (*Command, error) {
	return c.find("handle", handle,
		func(client *C.acclient_client, handle *C.char, command **C.acclient_command, raw errorOut) status {
			return C.acclient_client_get_by_handle(client, handle, command, raw)
		})
}

// GetByID returns the command with an id. It sends nothing. The first wait finds out the agents, which a handle
// string contains.
func (c *Client) GetByID(id string) (*Command, error) {
	return c.find("id", id,
		func(client *C.acclient_client, id *C.char, command **C.acclient_command, raw errorOut) status {
			return C.acclient_client_get_by_id(client, id, command, raw)
		})
}

func (c *Client) find(
	what, text string,
	f func(client *C.acclient_client, text *C.char, command **C.acclient_command, raw errorOut) status,
) (*Command, error) {
	var args arguments
	defer args.free()
	lent := args.text(what, text)
	if args.err != nil {
		return nil, args.err
	}
	var ptr *C.acclient_command
	if err := c.here(func(client *C.acclient_client, raw errorOut) status {
		return f(client, lent, &ptr, raw)
	}); err != nil {
		return nil, err
	}
	return newCommand(c, ptr), nil
}

// Close frees the command; its jobs continue to run. Calls in progress with it return [ErrClosed]; iterators opened
// from it stay open. Close returns nil.
func (c *Command) Close() error {
	if c.check() == nil {
		c.handle.close()
	}
	return nil
}

func (c *Command) check() error {
	if c == nil || c.handle == nil {
		return errInvalid("nil or zero Command: expected one that was submitted or looked up")
	}
	return nil
}

// sent returns the command for accessors, and an empty one for nil.
func (c *Command) sent() *Command {
	if c == nil {
		return &Command{}
	}
	return c
}

// ID returns the id of the command.
func (c *Command) ID() string { return c.sent().id }

// Handle returns the handle string, by which [Client.GetByHandle] looks up the command in any process:
// "acclient:1:<id>:<target>", followed by ":queue=<name>" if the command has a queue.
func (c *Command) Handle() string { return c.sent().printed }

// String returns the handle string, like [Command.Handle].
func (c *Command) String() string { return c.Handle() }

// Target returns the target, like "1:2", "all,role=cpu" or "unknown".
func (c *Command) Target() string { return c.sent().target }

// Cmd returns the name of the command: "execute", "ping", ...; "" if this program did not send it. The same applies
// to Args, Data and Tags.
func (c *Command) Cmd() string { return c.sent().cmd }

// Args returns the run arguments.
func (c *Command) Args() json.RawMessage { return json.RawMessage(c.sent().args) }

// Data returns the data. It may contain NULs.
func (c *Command) Data() string { return c.sent().data }

// Tags returns the tags.
func (c *Command) Tags() string { return c.sent().tags }

// Dump returns the JSON that was pushed to the queue or found in the history; "" for a command from neither source.
func (c *Command) Dump() json.RawMessage { return json.RawMessage(c.sent().dump) }

// beside makes a call that may run while another goroutine uses the same C handle.
func (c *Command) beside(
	ctx context.Context, f func(ptr *C.acclient_command, call *call, raw errorOut) status,
) error {
	if err := c.check(); err != nil {
		return err
	}
	// The finalizer would end the call.
	defer runtime.KeepAlive(c)
	return c.client.doOver(ctx, c.handle, func(ptr unsafe.Pointer, call *call, raw errorOut) status {
		return f((*C.acclient_command)(ptr), call, raw)
	})
}

// alone makes a call for which C allows one thread at a time.
func (c *Command) alone(
	ctx context.Context, f func(ptr *C.acclient_command, call *call, raw errorOut) status,
) error {
	if err := first(c.check(), check(ctx)); err != nil {
		return err
	}
	if err := c.gate.lock(ctx, c.client.handle, c.handle); err != nil {
		return err
	}
	defer c.gate.unlock()
	return c.beside(ctx, f)
}

// hold keeps the C handle for this goroutine until release.
func (c *Command) hold(ctx context.Context) (ptr *C.acclient_command, release func(), err error) {
	if err := first(c.check(), check(ctx)); err != nil {
		return nil, nil, err
	}
	if err := c.gate.lock(ctx, c.client.handle, c.handle); err != nil {
		return nil, nil, err
	}
	held, err := c.handle.acquire(nil)
	if err != nil {
		c.gate.unlock()
		return nil, nil, err
	}
	return (*C.acclient_command)(held), func() { c.handle.release(nil); c.gate.unlock() }, nil
}

// ask makes a call with a separate C handle, so that other goroutines can wait for results meanwhile.
func (c *Command) ask(
	ctx context.Context, f func(ptr *C.acclient_command, call *call, raw errorOut) status,
) error {
	var args arguments
	defer args.free()
	printed := args.text("handle", c.Handle())
	return c.beside(ctx, func(_ *C.acclient_command, call *call, raw errorOut) status {
		var ptr *C.acclient_command
		code := C.acclient_client_get_by_handle(call.client, printed, &ptr, raw)
		if code != C.ACCLIENT_OK {
			return code
		}
		defer own(func() { C.acclient_command_free(ptr) })()
		return f(ptr, call, raw)
	})
}

// NextResult waits for the next result that this command has not returned yet, and returns [io.EOF] once all
// results were returned. It reconnects and retries if the connection is lost. A failed job is a result, not an
// error.
func (c *Command) NextResult(ctx context.Context) (*Job, error) {
	return c.next(wait(ctx), (*call).ms)
}

// TryNextResult polls once for the next result, and returns [ErrTimeout] if there is none yet.
func (c *Command) TryNextResult(ctx context.Context) (*Job, error) {
	if ctx != nil {
		ctx = undated{ctx}
	}
	return c.next(ctx, func(*call) C.int64_t { return 0 })
}

func (c *Command) next(ctx context.Context, ms func(*call) C.int64_t) (*Job, error) {
	var job *C.acclient_job
	if err := c.alone(ctx, func(ptr *C.acclient_command, call *call, raw errorOut) status {
		return C.acclient_command_next_result(ptr, ms(call), call.cancel, &job, raw)
	}); err != nil {
		return nil, err
	}
	if job == nil {
		return nil, io.EOF
	}
	return takeJob(c.client, job), nil
}

// Job reads the job of one agent that the command was routed to; see [Command.Jobs]. The cost does not depend on
// the number of agents. It returns [ErrProtocol] if Redis has no such job, and [ErrNoSuchAgent] if the controller
// did not know the agent.
func (c *Command) Job(ctx context.Context, agent AgentID) (*Job, error) {
	var job *C.acclient_job
	if err := c.ask(ctx, func(ptr *C.acclient_command, call *call, raw errorOut) status {
		return C.acclient_command_job(ptr, C.int64_t(agent.GID), C.int64_t(agent.NID), call.ms(), call.cancel, &job, raw)
	}); err != nil {
		return nil, err
	}
	return takeJob(c.client, job), nil
}

// Jobs reads the jobs of all agents that the command was routed to, as Redis has them now: queued, running or
// ended. There are none until a controller has routed the command. A job is [StateRunning] from the moment its
// agent has fetched it, even while it waits in a queue of the agent; [Command.Progress] asks the agent. Listed
// agents that the controller does not know have no job and are omitted. Jobs returns [ErrNoSuchAgent] if the
// controller knew no agent for the target.
func (c *Command) Jobs(ctx context.Context) ([]*Job, error) {
	var jobs *C.acclient_jobs
	if err := c.ask(ctx, func(ptr *C.acclient_command, call *call, raw errorOut) status {
		return C.acclient_command_jobs(ptr, call.ms(), call.cancel, &jobs, raw)
	}); err != nil {
		return nil, err
	}
	defer own(func() { C.acclient_jobs_free(jobs) })()
	var list []*Job
	for index := range C.acclient_jobs_count(jobs) {
		list = append(list, copyJob(c.client, C.acclient_jobs_at(jobs, index)))
	}
	return list, nil
}
