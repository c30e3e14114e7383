package acclient

// #include "acclient.h"
import "C"

import (
	"context"
	"slices"
	"unsafe"
)

// Request is a command before it is sent: making or changing one sends nothing. It can be sent many times, each
// time as a new command. Its fields must not be changed while a call uses it.
type Request struct {
	// Args are arguments of the program, after those of RunArgs.
	Args []string
	// Data is the standard input of a program, the script of [Client.Bash], or JSON for the built-in commands of
	// the agents: UTF-8, which may contain NULs.
	//
	// The agent writes all of the standard input before it reads any output. So a program that answers while it reads,
	// like cat, hangs without end once both exceed what a pipe holds, 64 KiB on Linux: let it write to a file.
	Data string
	// ID is the id, instead of a new UUID for each time that the request is sent. While a job with the same id
	// is running, its agent refuses a second one, and the result of the first counts for both. After it has ended
	// the same id runs again, and waits by this command return the new result; a handle by the id alone returns
	// what is newest in Redis.
	ID string
	// Tags is a text that is returned with the result.
	Tags string
	// RunArgs are how the agent runs the job.
	RunArgs RunArgs
	// Killable makes a kill and [RunArgs.MaxTime] reach the script of [Client.Bash]. Default: they do not.
	//
	// An agent kills the process that it started. For a script that is a shell which runs the script as a child, so
	// without Killable the script runs to its end, and only then KILLED or TIMEOUT is reported. With it the agent
	// kills the shell that runs the script as well. It puts "echo 101::$$; " in front of the script, by which the
	// script announces its process to the agent.
	//
	// Commands that the script has started are still not killed, and the result waits for them as long as they hold
	// the output. Let the script "exec" a long last command, or announce the process of a command in the same way:
	// "command & echo 101::$!; wait". The statistics of the job count announced processes too. Sending fails with
	// [ErrInvalidArgument] for any command but a script of the shell, and for a script that starts with "#!".
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

// Cmd makes a request for any command that agents know: "ping", "killall", "restart", ... "restart" has no result: an
// original agent exits at once, so submit it and do not wait. "killall" is a job itself and ends as SUCCESS or KILLED.
//
// When it is sent, the data of "controller" with the name "scheduler_add" among its RunArgs, and that of
// "jumpscript_content", are checked as the controller decodes them: [ErrInvalidArgument] where it would exit, at once
// or when the schedule fires. The message names the field, like cmd.args.args[0].
func (c *Client) Cmd(target Target, cmd string) *Request {
	return &Request{client: c, target: target, verb: verbCmd, name: cmd}
}

// Execute makes a request for a program to run.
func (c *Client) Execute(target Target, program string, args ...string) *Request {
	return &Request{client: c, target: target, verb: verbExecute, name: program, Args: slices.Clone(args)}
}

// Bash makes a request for a shell script to run, an extension that agents usually have.
func (c *Client) Bash(target Target, script string) *Request {
	return &Request{client: c, target: target, verb: verbBash, text: script}
}

// ExecuteJumpscript makes a request for a jumpscript that the agents have. kwargs are keyword arguments: a value that
// encoding/json marshals to an object, or nil for none.
func (c *Client) ExecuteJumpscript(target Target, domain, name string, kwargs any) *Request {
	return &Request{client: c, target: target, verb: verbJumpscript, name: name, text: domain, kwargs: kwargs}
}

// ExecuteJumpscriptContent makes a request for a jumpscript that is sent along: Python code that defines "action".
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

// SubmitOnce sends the command so that retrying with the same ID does not run it twice, and returns once Redis
// has it. Until the deadline it reconnects and sends the command again where that is safe.
//
// Within 24 hours a second SubmitOnce with that ID, in this process or another, finds that the command was
// submitted, and succeeds without sending anything. This takes a key cmd.<id>.submitted, which Submit does not
// leave. After an [ErrMaybeSent] it may be called again with the same ID; after any other error the command was
// not sent, unless [Error.IsMaybeSent].
//
// The ID stands for one target, command, run arguments, data and tags; any other is [ErrIDInUse]. A command that
// matched no agent ([ErrNoSuchAgent]) has not run: the same command is sent again under its ID, and its old
// answer is removed. A list of agents is sent again only if none of them was known. A wait that is in progress
// meanwhile returns the old answer or the new result; one for a target with roles may go on to its deadline.
//
// It holds as long as Redis keeps its data, and not where Redis may evict keys: with a maxmemory-policy other
// than noeviction a command whose key was evicted is sent twice.
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

// Run sends the command and waits for its result. Not for a target of several agents. A job that failed is a
// result like any other.
func (r *Request) Run(ctx context.Context) (*Job, error) {
	if r != nil && r.target.isFanout() {
		return nil, errInvalid("invalid target " + r.target.String() +
			" for Run: expected one agent (RunAll is for several)")
	}
	var job *C.acclient_job
	if err := r.do(wait(ctx), func(ptr *C.acclient_request, call *call, raw errorOut) status {
		return C.acclient_request_run(ptr, call.ms(), call.cancel, &job, raw)
	}); err != nil {
		return nil, err
	}
	return takeJob(r.client, job), nil
}

// Collected are the results and errors of a command.
type Collected struct {
	// Command is the command, for waiting for the missing results: it does not return those in Jobs again. It
	// has to be closed.
	Command *Command
	// Jobs are the results, in order of completion.
	Jobs []*Job
	// Errors are about agents without a result. An error that ended the wait for all agents is the last, and is
	// about no agent.
	Errors []*Error
	// Stopped reports whether the call stopped at a failure, or was ended by an error, before the deadline and
	// before all agents had answered.
	Stopped bool
}

// RunAll sends the command and waits for the results of all agents. With stopAtFailure it returns at the first
// agent that fails; the jobs of the others are not killed. Once the command is sent RunAll returns no error, and
// failures are in [Collected.Errors].
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

// Submitted is the outcome of one request of [Client.SubmitMany]: either a command or an error.
type Submitted struct {
	Command *Command
	Err     error
}

// SubmitMany sends many commands in one pipeline, and returns once Redis has them all, with an outcome for each
// request, in the same order. A command that the library or Redis rejects does not affect the others.
func (c *Client) SubmitMany(ctx context.Context, requests ...*Request) ([]Submitted, error) {
	submitted := make([]Submitted, len(requests))
	var args arguments
	defer args.free()
	list := pointers[*C.acclient_request](&args, len(requests))
	commands := pointers[*C.acclient_command](&args, len(requests))
	errs := pointers[*C.acclient_error](&args, len(requests))
	// The index of each request that could be made.
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

// do makes a call that may block, with the request of C.
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
		return nil, nil, errInvalid("the Request is nil or zero: expected one from Client.Execute, Bash, Cmd, ...")
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

// create makes the request of C; domain is that of a jumpscript.
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
