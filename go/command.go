package acclient

// #include <acclient.h>
import "C"

import (
	"context"
	"encoding/json"
	"io"
	"runtime"
	"unsafe"
)

// Command is a command that was sent: the way to its results. It has to be closed; the job it stands
// for goes on.
type Command struct {
	client *Client
	handle *handle
	gate   gate

	// Copied while nobody else has the command: C would have to be waited for later.
	id, printed, target, cmd, args, data, tags, dump string
}

// newCommand takes a command over from C.
func newCommand(c *Client, ptr *C.acclient_command) *Command {
	return borrowCommand(c, ptr, func() { C.acclient_command_free(ptr) })
}

// borrowCommand makes a command of one that lives until free is called.
func borrowCommand(c *Client, ptr *C.acclient_command, free func()) *Command {
	command := &Command{
		client: c,
		handle: newHandle(unsafe.Pointer(ptr), free),
		gate:   newGate(),
	}
	var length C.size_t
	text := func(text *C.char) string { return copied(text, length) }
	command.id = text(C.acclient_command_id(ptr, &length))
	command.printed = text(C.acclient_command_printed(ptr, &length))
	command.target = text(C.acclient_command_target(ptr, &length))
	command.cmd = text(C.acclient_command_cmd(ptr, &length))
	command.args = text(C.acclient_command_args(ptr, &length))
	command.data = text(C.acclient_command_data(ptr, &length))
	command.tags = text(C.acclient_command_tags(ptr, &length))
	command.dump = text(C.acclient_command_dump(ptr, &length))
	// A safety net for what was forgotten; Close is the rule.
	runtime.SetFinalizer(command, func(c *Command) { c.handle.close() })
	return command
}

// CommandFrom finds a command again by its printed form: what [Command.String] and [Error.Command]
// give, in this process or another, in whatever language. Nothing is asked of the server, which keeps
// results for 24 hours.
func (c *Client) CommandFrom(printed string) (*Command, error) {
	var lent lent
	defer lent.free()
	name := lent.name("the printed form", printed)
	return c.found(&lent, func(
		client *C.acclient_client, command **C.acclient_command, raw **C.acclient_error,
	) C.acclient_status {
		return C.acclient_client_command_from(client, name, command, raw)
	})
}

// CommandByID is a command that was sent before, by its id alone. Whom it was for is found out when it
// is waited for; the printed form tells that too. Nothing is asked of the server.
func (c *Client) CommandByID(id string) (*Command, error) {
	var lent lent
	defer lent.free()
	name := lent.name("the id", id)
	return c.found(&lent, func(
		client *C.acclient_client, command **C.acclient_command, raw **C.acclient_error,
	) C.acclient_status {
		return C.acclient_client_command(client, name, command, raw)
	})
}

func (c *Client) found(
	lent *lent,
	f func(client *C.acclient_client, command **C.acclient_command, raw **C.acclient_error) C.acclient_status,
) (*Command, error) {
	if lent.err != nil {
		return nil, lent.err
	}
	var ptr *C.acclient_command
	if err := c.here(func(client *C.acclient_client, raw **C.acclient_error) C.acclient_status {
		return f(client, &ptr, raw)
	}); err != nil {
		return nil, err
	}
	return newCommand(c, ptr), nil
}

// Close frees the command; the job it stands for goes on. A call that is under way with it goes on
// too. It gives nil.
func (c *Command) Close() error {
	c.handle.close()
	return nil
}

// ID is the id of the command.
func (c *Command) ID() string { return c.id }

// String is the printed form, "acclient:1:<id>:<target>", by which [Client.CommandFrom] finds the
// command again.
func (c *Command) String() string { return c.printed }

// Target is whom it was sent to, like "1:2", "all,role=cpu" or "unknown".
func (c *Command) Target() string { return c.target }

// Cmd is the name of the command: "execute", "ping", ...; "" where it was not sent by this program. So
// are Args, Data, Tags and Dump.
func (c *Command) Cmd() string { return c.cmd }

// Args are the run arguments that were sent.
func (c *Command) Args() json.RawMessage { return json.RawMessage(c.args) }

// Data is the data that was sent. It may hold NULs.
func (c *Command) Data() string { return c.data }

// Tags are the tags that were sent.
func (c *Command) Tags() string { return c.tags }

// Dump is the JSON that was pushed to the queue; of a command of a history, as it stands there.
func (c *Command) Dump() json.RawMessage { return json.RawMessage(c.dump) }

// use calls f with the command held, for this goroutine alone.
func (c *Command) use(ctx context.Context, f func(ptr *C.acclient_command) error) error {
	if ctx.Err() != nil {
		return errDone(ctx)
	}
	if err := c.gate.lock(ctx); err != nil {
		return err
	}
	defer c.gate.unlock()
	ptr := c.handle.acquire()
	if ptr == nil {
		return errClosed("command")
	}
	defer c.handle.release()
	return f((*C.acclient_command)(ptr))
}

// NextResult waits for the next result: that of an agent whose result this command has not returned
// yet. A lost connection is replaced and the wait goes on. A job that failed is a result like any
// other. io.EOF when every result has been returned.
func (c *Command) NextResult(ctx context.Context) (*Job, error) {
	return c.next(ctx, (*call).ms)
}

// TryNextResult looks once for the next result; [ErrTimeout] where there is none yet.
func (c *Command) TryNextResult(ctx context.Context) (*Job, error) {
	return c.next(ctx, func(*call) C.int64_t { return 0 })
}

func (c *Command) next(ctx context.Context, ms func(*call) C.int64_t) (*Job, error) {
	var job *C.acclient_job
	err := c.use(ctx, func(ptr *C.acclient_command) error {
		return c.client.do(ctx, func(call *call, raw **C.acclient_error) C.acclient_status {
			return C.acclient_command_next_result(ptr, ms(call), call.cancel, &job, raw)
		})
	})
	if err != nil {
		return nil, err
	}
	if job == nil {
		return nil, io.EOF
	}
	return takeJob(c.client, job), nil
}

// ask makes a call with a handle of its own, so that it can be made while others wait for results.
func (c *Command) ask(
	ctx context.Context,
	f func(ptr *C.acclient_command, call *call, raw **C.acclient_error) C.acclient_status,
) error {
	held := c.handle.acquire()
	if held == nil {
		return errClosed("command")
	}
	c.handle.release()
	var lent lent
	defer lent.free()
	printed := lent.name("the printed form", c.printed)
	if lent.err != nil {
		return lent.err
	}
	return c.client.do(ctx, func(call *call, raw **C.acclient_error) C.acclient_status {
		var ptr *C.acclient_command
		status := C.acclient_client_command_from(call.client, printed, &ptr, raw)
		if status != C.ACCLIENT_OK {
			return status
		}
		defer own(func() { C.acclient_command_free(ptr) })()
		return f(ptr, call, raw)
	})
}

// Kill kills the job wherever it runs, with all its processes, and returns once its agents have taken
// the order; the results, usually KILLED, follow. Where the job is over already, nothing is done. Of
// several agents' errors it gives the first.
func (c *Command) Kill(ctx context.Context) error {
	return c.ask(ctx, func(ptr *C.acclient_command, call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_command_kill(ptr, call.ms(), call.cancel, raw)
	})
}

// Jobs gives the job of every agent that the command went to, as it stands now: running or over. None
// while no controller has routed it.
func (c *Command) Jobs(ctx context.Context) ([]*Job, error) {
	var jobs *C.acclient_jobs
	err := c.ask(ctx, func(ptr *C.acclient_command, call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_command_jobs(ptr, call.ms(), call.cancel, &jobs, raw)
	})
	if err != nil {
		return nil, err
	}
	defer own(func() { C.acclient_jobs_free(jobs) })()
	var list []*Job
	for index := range C.acclient_jobs_count(jobs) {
		list = append(list, copyJob(c.client, C.acclient_jobs_at(jobs, index)))
	}
	return list, nil
}
