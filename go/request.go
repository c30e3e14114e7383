package acclient

// #include <acclient.h>
import "C"

import (
	"context"
	"encoding/json"
	"slices"
	"unsafe"
)

// Request is a command before it is sent. It can be sent again and again, each time as a command of
// its own. Its fields may be changed until then; while calls with it are under way they must not.
type Request struct {
	// Args are arguments of the program, after those of RunArgs.
	Args []string
	// Data is the standard input of a program, or JSON for the agents' own commands: UTF-8, which may
	// hold NULs. What is not UTF-8 is refused.
	Data string
	// ID is an id of your own, instead of a new UUID for each time that the request is sent.
	ID string
	// Tags is a text that comes back with the result.
	Tags string
	// RunArgs say how the agent runs the job.
	RunArgs RunArgs

	client *Client
	target Target
	verb   verb
	// name is the command, the program, or the name of a script.
	name string
	// text is the domain of a script, or what it is.
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

// Cmd is a command: "ping", "killall", "restart", or any other that agents know.
func (c *Client) Cmd(target Target, cmd string) *Request {
	return &Request{client: c, target: target, verb: verbCmd, name: cmd}
}

// Execute is a program to run.
func (c *Client) Execute(target Target, program string, args ...string) *Request {
	return &Request{client: c, target: target, verb: verbExecute, name: program, Args: slices.Clone(args)}
}

// Bash is a shell script to run, an extension that agents usually have.
func (c *Client) Bash(target Target, script string) *Request {
	return &Request{client: c, target: target, verb: verbBash, text: script}
}

// Jumpscript is a jumpscript that the agents have. kwargs are its keyword arguments: what becomes an
// object of JSON, or nil for none.
func (c *Client) Jumpscript(target Target, domain, name string, kwargs any) *Request {
	return &Request{client: c, target: target, verb: verbJumpscript, name: name, text: domain, kwargs: kwargs}
}

// JumpscriptContent is a jumpscript that is sent along: Python that defines "action".
func (c *Client) JumpscriptContent(target Target, content string, kwargs any) *Request {
	return &Request{client: c, target: target, verb: verbContent, text: content, kwargs: kwargs}
}

// Submit sends the command and returns once Redis has it. It is never sent twice.
func (r *Request) Submit(ctx context.Context) (*Command, error) {
	if r.isSimple() {
		return r.execute(ctx)
	}
	return r.submit(ctx, func(ptr *C.acclient_request, call *call, command **C.acclient_command,
		raw **C.acclient_error) C.acclient_status {
		return C.acclient_request_submit(ptr, call.ms(), call.cancel, command, raw)
	})
}

// SubmitOnce sends the command so that trying again, with the same ID, does not run it twice, and
// returns once Redis has it; a lost connection is replaced, and the command sent again where that is
// safe. Within 24 hours a second SubmitOnce with that ID, in this process or another, finds that the
// command was submitted, and succeeds without sending anything; that holds as long as Redis keeps its
// data. It costs a key cmd.<id>.submitted; what Submit sent leaves none. After an [ErrMaybeSent] it may
// be called again with the same ID; after any other error the command was not sent.
func (r *Request) SubmitOnce(ctx context.Context) (*Command, error) {
	return r.submit(ctx, func(ptr *C.acclient_request, call *call, command **C.acclient_command,
		raw **C.acclient_error) C.acclient_status {
		return C.acclient_request_submit_once(ptr, call.ms(), call.cancel, command, raw)
	})
}

func (r *Request) submit(
	ctx context.Context,
	f func(ptr *C.acclient_request, call *call, command **C.acclient_command, raw **C.acclient_error) C.acclient_status,
) (*Command, error) {
	ptr, free, err := r.build()
	if err != nil {
		return nil, err
	}
	defer free()
	var command *C.acclient_command
	err = r.client.do(ctx, func(call *call, raw **C.acclient_error) C.acclient_status {
		return f(ptr, call, &command, raw)
	})
	if err != nil {
		return nil, err
	}
	return newCommand(r.client, command), nil
}

// Run sends the command and waits for its result. Not for a fan-out. A job that failed is a result
// like any other.
func (r *Request) Run(ctx context.Context) (*Job, error) {
	ptr, free, err := r.build()
	if err != nil {
		return nil, err
	}
	defer free()
	var job *C.acclient_job
	err = r.client.do(ctx, func(call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_request_run(ptr, call.ms(), call.cancel, &job, raw)
	})
	if err != nil {
		return nil, err
	}
	return takeJob(r.client, job), nil
}

// Collected is all that came of a command.
type Collected struct {
	// Command is the command, by which what is missing can be waited for: it does not return again what
	// stands in Jobs. It has to be closed.
	Command *Command
	// Jobs are the results, in order of completion.
	Jobs []*Job
	// Errors tell what did not arrive, agent by agent. What ended the wait for everybody is the last
	// of them, and is about no agent.
	Errors []*Error
	// Stopped tells whether it stopped at a failure, or was ended, before all agents had answered.
	Stopped bool
}

// RunAll sends the command and waits for the results of all agents that it went to. With
// stopAtFailure it returns at the first agent that fails; the others are not killed.
func (r *Request) RunAll(ctx context.Context, stopAtFailure bool) (*Collected, error) {
	ptr, free, err := r.build()
	if err != nil {
		return nil, err
	}
	defer free()
	var all *C.acclient_collected
	err = r.client.do(ctx, func(call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_request_run_all(ptr, C.bool(stopAtFailure), call.ms(), call.cancel, &all, raw)
	})
	if err != nil {
		return nil, err
	}
	collected := &Collected{Stopped: bool(C.acclient_collected_stopped(all))}
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

// Submitted is what came of one request of several: either a command or an error.
type Submitted struct {
	Command *Command
	Err     error
}

// SubmitMany sends many commands in one pipeline, and returns once Redis has them all, in the order of
// the requests. One that is refused, by the library or by Redis, holds up no other.
func (c *Client) SubmitMany(ctx context.Context, requests ...*Request) ([]Submitted, error) {
	submitted := make([]Submitted, len(requests))
	var lent lent
	defer lent.free()
	list := pointers[*C.acclient_request](&lent, len(requests))
	commands := pointers[*C.acclient_command](&lent, len(requests))
	errs := pointers[*C.acclient_error](&lent, len(requests))
	count := 0
	// Where each request that could be made stands.
	places := make([]int, 0, len(requests))
	for place, request := range requests {
		ptr, free, err := request.build()
		if err != nil {
			submitted[place].Err = err
			continue
		}
		defer free()
		list[count] = ptr
		places = append(places, place)
		count++
	}
	err := c.do(ctx, func(call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_client_submit_many(call.client, unsafe.SliceData(list), C.size_t(count), call.ms(),
			call.cancel, unsafe.SliceData(commands), unsafe.SliceData(errs), raw)
	})
	if err != nil {
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

// pointers is a list of C pointers in memory of C, all NULL.
func pointers[P any](lent *lent, count int) []P {
	if count == 0 {
		return nil
	}
	memory := lent.zeroed(count)
	return unsafe.Slice((*P)(memory), count)
}

// isSimple tells whether acclient_client_execute() does all of it, which saves calls of C.
func (r *Request) isSimple() bool {
	return r.verb == verbExecute && r.ID == "" && r.Tags == "" && r.RunArgs.isZero() &&
		r.target.agent != AgentID{-1, -1}
}

func (r *Request) execute(ctx context.Context) (*Command, error) {
	var lent lent
	defer lent.free()
	program := lent.name("the program", r.name)
	args, count := lent.names("an argument", r.Args)
	if lent.err != nil {
		return nil, lent.err
	}
	data, length := payload(r.Data)
	agent := r.target.agent
	var command *C.acclient_command
	err := r.client.do(ctx, func(call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_client_execute(call.client, C.int64_t(agent.GID), C.int64_t(agent.NID), program,
			args, count, data, length, call.ms(), call.cancel, &command, raw)
	})
	if err != nil {
		return nil, err
	}
	return newCommand(r.client, command), nil
}

// build makes the request of C, which has to be freed.
func (r *Request) build() (ptr *C.acclient_request, free func(), err error) {
	target, freeTarget, err := r.target.build()
	if err != nil {
		return nil, nil, err
	}
	defer freeTarget()
	var lent lent
	defer lent.free()
	if err := r.client.here(func(client *C.acclient_client, raw **C.acclient_error) C.acclient_status {
		return r.make(client, target, &lent, &ptr, raw)
	}); err != nil {
		return nil, nil, firstError(lent.err, err)
	}
	free = own(func() { C.acclient_request_free(ptr) })
	if err := firstError(lent.err, r.set(ptr, &lent)); err != nil {
		free()
		return nil, nil, err
	}
	return ptr, free, nil
}

func (r *Request) make(
	client *C.acclient_client, target *C.acclient_target, lent *lent,
	ptr **C.acclient_request, raw **C.acclient_error,
) C.acclient_status {
	text, length := payload(r.text)
	switch r.verb {
	case verbExecute:
		return C.acclient_request_execute(client, target, lent.name("the program", r.name), ptr, raw)
	case verbBash:
		return C.acclient_request_bash(client, target, text, length, ptr, raw)
	case verbJumpscript:
		return C.acclient_request_jumpscript(client, target, lent.name("the domain", r.text),
			lent.name("the name", r.name), lent.json(r.kwargs), ptr, raw)
	case verbContent:
		return C.acclient_request_jumpscript_content(client, target, text, length, lent.json(r.kwargs), ptr, raw)
	default:
		return C.acclient_request_new(client, target, lent.name("the command", r.name), ptr, raw)
	}
}

func (r *Request) set(ptr *C.acclient_request, lent *lent) error {
	if !r.RunArgs.isZero() {
		args, free, err := r.RunArgs.build()
		if err != nil {
			return err
		}
		defer free()
		if err := plain(func(raw **C.acclient_error) C.acclient_status {
			return C.acclient_request_set_run_args(ptr, args, raw)
		}); err != nil {
			return err
		}
	}
	for _, arg := range r.Args {
		if err := plain(func(raw **C.acclient_error) C.acclient_status {
			return C.acclient_request_add_arg(ptr, lent.name("an argument", arg), raw)
		}); err != nil {
			return err
		}
	}
	if r.Data != "" {
		data, length := payload(r.Data)
		if err := plain(func(raw **C.acclient_error) C.acclient_status {
			return C.acclient_request_set_data(ptr, data, length, raw)
		}); err != nil {
			return err
		}
	}
	if r.ID != "" {
		if err := plain(func(raw **C.acclient_error) C.acclient_status {
			return C.acclient_request_set_id(ptr, lent.name("the id", r.ID), raw)
		}); err != nil {
			return err
		}
	}
	if r.Tags != "" {
		if err := plain(func(raw **C.acclient_error) C.acclient_status {
			return C.acclient_request_set_tags(ptr, lent.name("the tags", r.Tags), raw)
		}); err != nil {
			return err
		}
	}
	return lent.err
}

// json gives a value as JSON; NULL for nil.
func (l *lent) json(value any) *C.char {
	if value == nil {
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil && l.err == nil {
		l.err = &Error{Code: ErrInvalidArgument, Message: "the keyword arguments are no JSON: " + err.Error()}
	}
	return l.name("the keyword arguments", string(text))
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
