package acclient

// #include "acclient.h"
import "C"

import (
	"context"
	"slices"
	"unsafe"
)

// Request is a command to be sent. Creating or changing one sends nothing. It can be sent many times, each time as
// a new command. Do not change its fields while a call uses it.
type Request struct {
	// Args are program arguments, after those of RunArgs.
	Args []string
	// Data is the standard input of a program, the script of [Client.Bash], or JSON for a built-in command: UTF-8,
	// which may contain NULs.
	//
	// An agent writes the whole standard input before it reads any output. A program that writes while it reads,
	// like cat, therefore hangs once input and output both exceed the pipe buffer (64 KiB on Linux). Let it write
	// to a file.
	Data string
	// ID is the id. Default: a new UUID each time the request is sent.
	//
	// While a job with the same id is running, its agent refuses a second one, and the result of the first counts
	// for both. Once it has ended, the id can run again: waits by the new command return the new result, and a
	// handle by id alone returns the newest result in Redis.
	ID string
	// Tags is text that is returned with the result.
	Tags string
	// RunArgs determine how the agent runs the job.
	RunArgs RunArgs
	// Killable lets a kill and [RunArgs.MaxTime] reach the script of [Client.Bash]. Default: they do not.
	//
	// An agent kills only the process that it started. For a script this is a shell whose child runs the script, so
	// by default the script runs to its end before KILLED or TIMEOUT is reported. With Killable the agent also
	// kills the shell that runs the script: the line "echo 101::$$; " is put in front of the script, by which it
	// announces its process to the agent.
	//
	// Commands started by the script are still not killed, and the result waits for those that hold the output. Run
	// a long last command with "exec", or announce the process of a command in the same way: "command & echo
	// 101::$!; wait". The statistics of the job include announced processes.
	//
	// Sending fails with [ErrInvalidArgument] for any command but a shell script, and for a script that starts with
	// "#!".
	Killable bool

	client *Client
	target Target
	verb   verb
	// name is the command, the program, or the name of a script.
	name string
	// text is the domain of a script, or the script itself.
	text   string
	kwargs any
}

type verb int

const (
	verbCmd verb = iota
	verbExecute
	verbBash
	verbJumpscript
	verbContent
)

// Cmd creates a request for any command that agents know: "ping", "killall", "restart", ... "restart" has no
// result, since an original agent exits at once: submit it and do not wait. "killall" is itself a job, which ends
// as SUCCESS or KILLED.
//
// The data of "controller" with the name "scheduler_add" among its RunArgs, and of "jumpscript_content", is checked
// when the request is sent, as the controller decodes it: [ErrInvalidArgument] if the controller would exit, at
// once or when the schedule fires. The message names the field, like cmd.args.args[0].
func (c *Client) Cmd(target Target, cmd string) *Request {
	return &Request{client: c, target: target, verb: verbCmd, name: cmd}
}

// Execute creates a request to run a program.
func (c *Client) Execute(target Target, program string, args ...string) *Request {
	return &Request{client: c, target: target, verb: verbExecute, name: program, Args: slices.Clone(args)}
}

// Bash creates a request to run a shell script, with an extension that most agents have.
func (c *Client) Bash(target Target, script string) *Request {
	return &Request{client: c, target: target, verb: verbBash, text: script}
}

// ExecuteJumpscript creates a request to run a jumpscript that is installed on the agents. kwargs are keyword
// arguments: a value that encoding/json marshals to an object, or nil for none.
func (c *Client) ExecuteJumpscript(target Target, domain, name string, kwargs any) *Request {
	return &Request{client: c, target: target, verb: verbJumpscript, name: name, text: domain, kwargs: kwargs}
}

// ExecuteJumpscriptContent creates a request to run a jumpscript that is sent with the command: Python code that
// defines "action".
func (c *Client) ExecuteJumpscriptContent(target Target, content string, kwargs any) *Request {
	return &Request{client: c, target: target, verb: verbContent, text: content, kwargs: kwargs}
}

// Submit sends the command and returns once Redis has it. At most once: it is never sent again.
func (r *Request) Submit(ctx context.Context) (*Command, error) {
	return r.submit(ctx, func(ptr *C.acclient_request, call *call, command **C.acclient_command,
		raw errorOut) status {
		return C.acclient_request_submit(ptr, call.ms(), call.cancel, command, raw)
	})
}

// SubmitOnce sends the command idempotently and returns once Redis has it: repeating the call with the same ID does
// not run the command twice. Until the deadline it reconnects and retries where that is safe.
//
// Set an ID that later attempts can repeat. Within 24 hours a second SubmitOnce with that ID, in any process, finds
// the command submitted and succeeds without sending anything. This uses the key cmd.<id>.submitted, which Submit
// does not set. After an [ErrMaybeSent], call it again with the same ID; after any other error the command was not
// sent, unless [Error.IsMaybeSent].
//
// The ID identifies one target, command, run arguments, data and tags; a call with any other fails with
// [ErrIDInUse]. A command that matched no agent ([ErrNoSuchAgent]) has not run: calling again sends it under the
// same ID and removes the old answer. A list of agents is sent again only if none of them was known. A concurrent
// wait returns the old answer or the new result; for a target with roles it may continue to its deadline.
//
// The guarantee requires that Redis keeps its data. With a maxmemory-policy other than noeviction, a command whose
// key was evicted is sent twice.
func (r *Request) SubmitOnce(ctx context.Context) (*Command, error) {
	return r.submit(ctx, func(ptr *C.acclient_request, call *call, command **C.acclient_command,
		raw errorOut) status {
		return C.acclient_request_submit_once(ptr, call.ms(), call.cancel, command, raw)
	})
}

func (r *Request) submit(
	ctx context.Context,
	f func(ptr *C.acclient_request, call *call, command **C.acclient_command, raw errorOut) status,
) (*Command, error) {
	var command *C.acclient_command
	if err := r.do(ctx, func(ptr *C.acclient_request, call *call, raw errorOut) status {
		return f(ptr, call, &command, raw)
	}); err != nil {
		return nil, err
	}
	return newCommand(r.client, command), nil
}

// Run sends the command and waits for its result. It is not for a target of several agents. A failed job is a
// result, not an error.
func (r *Request) Run(ctx context.Context) (*Job, error) {
	if r != nil && r.target.isFanout() {
		return nil, errInvalid("invalid target " + r.target.String() +
			" for Run: expected one agent; use RunAll for several")
	}
	var job *C.acclient_job
	if err := r.do(wait(ctx), func(ptr *C.acclient_request, call *call, raw errorOut) status {
		return C.acclient_request_run(ptr, call.ms(), call.cancel, &job, raw)
	}); err != nil {
		return nil, err
	}
	return takeJob(r.client, job), nil
}

// Collected holds the results and errors of a command.
type Collected struct {
	// Command is the command, for waiting for missing results: it does not return those in Jobs again. Close it
	// after use.
	Command *Command
	// Jobs are the results in completion order.
	Jobs []*Job
	// Errors are one for each agent without a result. An error that ended the wait for all agents is the last and
	// names no agent.
	Errors []*Error
	// Stopped reports whether the call ended before the deadline and before all agents had answered, because of a
	// failure or an error.
	Stopped bool
}

// RunAll sends the command and waits for the results of all agents. With stopAtFailure it returns at the first
// agent that fails; the other jobs are not killed. Once the command is sent, RunAll returns no error and failures
// are in [Collected.Errors].
func (r *Request) RunAll(ctx context.Context, stopAtFailure bool) (*Collected, error) {
	var all *C.acclient_collected
	if err := r.do(wait(ctx), func(ptr *C.acclient_request, call *call, raw errorOut) status {
		return C.acclient_request_run_all(ptr, C.bool(stopAtFailure), call.ms(), call.cancel, &all, raw)
	}); err != nil {
		return nil, err
	}
	collected := &Collected{Stopped: bool(C.acclient_collected_is_stopped(all))}
	for index := range C.acclient_collected_job_count(all) {
		collected.Jobs = append(collected.Jobs, copyJob(r.client, C.acclient_collected_job(all, index)))
	}
	for index := range C.acclient_collected_error_count(all) {
		collected.Errors = append(collected.Errors,
			copyError(ctx, r.client, C.acclient_collected_error(all, index)))
	}
	collected.Command = borrowCommand(r.client, C.acclient_collected_command(all),
		func() { C.acclient_collected_free(all) })
	return collected, nil
}

// Submitted is the outcome of one request of [Client.SubmitMany]: a command or an error.
type Submitted struct {
	Command *Command
	Err     error
}

// SubmitMany sends many commands in one pipeline and returns once Redis has all of them. It returns an outcome for
// each request, in the order of the requests: a command that the library or Redis rejects does not affect the
// others.
func (c *Client) SubmitMany(ctx context.Context, requests ...*Request) ([]Submitted, error) {
	submitted := make([]Submitted, len(requests))
	var args arguments
	defer args.free()
	list := pointers[*C.acclient_request](&args, len(requests))
	commands := pointers[*C.acclient_command](&args, len(requests))
	errs := pointers[*C.acclient_error](&args, len(requests))
	// The index of each valid request.
	places := make([]int, 0, len(requests))
	for place, request := range requests {
		ptr, free, err := request.build()
		if err != nil {
			submitted[place].Err = err
			continue
		}
		defer free()
		list[len(places)] = ptr
		places = append(places, place)
	}
	if err := c.do(ctx, func(call *call, raw errorOut) status {
		return C.acclient_client_submit_many(call.client, unsafe.SliceData(list), C.size_t(len(places)), call.ms(),
			call.cancel, unsafe.SliceData(commands), unsafe.SliceData(errs), raw)
	}); err != nil {
		return nil, err
	}
	for index, place := range places {
		if raw := errs[index]; raw != nil {
			submitted[place].Err = takeError(ctx, c, C.acclient_error_status(raw), raw)
		} else {
			submitted[place].Command = newCommand(c, commands[index])
		}
	}
	return submitted, nil
}

// do makes a call that may block, with the C request.
func (r *Request) do(ctx context.Context, f func(ptr *C.acclient_request, call *call, raw errorOut) status) error {
	ptr, free, err := r.build()
	if err != nil {
		return err
	}
	defer free()
	return r.client.do(ctx, func(call *call, raw errorOut) status { return f(ptr, call, raw) })
}

func (r *Request) build() (*C.acclient_request, func(), error) {
	if r == nil || r.client == nil {
		return nil, nil, errInvalid("nil or zero Request: expected one from Client.Execute, Bash, Cmd, ...")
	}
	if err := r.client.check(); err != nil {
		return nil, nil, err
	}
	client, err := r.client.handle.acquire(nil)
	if err != nil {
		return nil, nil, err
	}
	defer r.client.handle.release(nil)
	target, freeTarget, err := r.target.build()
	if err != nil {
		return nil, nil, err
	}
	defer freeTarget()
	var args arguments
	defer args.free()
	name, kwargs := args.text("name", r.name), args.json("keyword arguments", r.kwargs)
	var domain *C.char
	if r.verb == verbJumpscript {
		domain = args.text("domain", r.text)
	}
	if args.err != nil {
		return nil, nil, args.err
	}
	return build(func(ptr **C.acclient_request, raw errorOut) status {
		return r.create((*C.acclient_client)(client), target, name, domain, kwargs, ptr, raw)
	}, func(ptr *C.acclient_request) { C.acclient_request_free(ptr) }, r.set)
}

// create creates the C request; domain is that of a jumpscript.
func (r *Request) create(
	client *C.acclient_client, target *C.acclient_target, name, domain, kwargs *C.char,
	ptr **C.acclient_request, raw errorOut,
) status {
	text, length := payload(r.text)
	switch r.verb {
	case verbExecute:
		return C.acclient_request_execute(client, target, name, ptr, raw)
	case verbBash:
		return C.acclient_request_bash(client, target, text, length, ptr, raw)
	case verbJumpscript:
		return C.acclient_request_execute_jumpscript(client, target, domain, name, kwargs, ptr, raw)
	case verbContent:
		return C.acclient_request_execute_jumpscript_content(client, target, text, length, kwargs, ptr, raw)
	default:
		return C.acclient_request_new(client, target, name, ptr, raw)
	}
}

func (r *Request) set(args *arguments, ptr *C.acclient_request) {
	if !r.RunArgs.isZero() {
		runArgs, free, err := r.RunArgs.build()
		if err != nil {
			args.fail(err)
			return
		}
		defer free()
		args.call(func(raw errorOut) status { return C.acclient_request_set_run_args(ptr, runArgs, raw) })
	}
	for _, arg := range r.Args {
		args.add("argument", arg, func(arg *C.char, raw errorOut) status {
			return C.acclient_request_add_arg(ptr, arg, raw)
		})
	}
	if r.Data != "" {
		data, length := payload(r.Data)
		args.call(func(raw errorOut) status { return C.acclient_request_set_data(ptr, data, length, raw) })
	}
	if r.Killable {
		args.call(func(raw errorOut) status { return C.acclient_request_set_killable(ptr, raw) })
	}
	args.set("id", r.ID, func(id *C.char, raw errorOut) status {
		return C.acclient_request_set_id(ptr, id, raw)
	})
	args.set("tags", r.Tags, func(tags *C.char, raw errorOut) status {
		return C.acclient_request_set_tags(ptr, tags, raw)
	})
}
