package acclient

// #include <acclient.h>
import "C"

import (
	"context"
	"errors"
	"io"
	"iter"
	"runtime"
	"unsafe"
)

// Method is how results are waited for.
type Method int

// How results are waited for.
const (
	// Blocking: by a blocking command on the one list that is left.
	Blocking Method = C.ACCLIENT_WAIT_BLOCKING
	// Tracking: the server tells of changes of lists that were read.
	Tracking Method = C.ACCLIENT_WAIT_TRACKING
	// Broadcast: the server tells of changes of all lists of the command.
	Broadcast Method = C.ACCLIENT_WAIT_BROADCAST
	// Looking: all lists are looked at every 40 ms.
	Looking Method = C.ACCLIENT_WAIT_POLLING
)

// Results are the results of one command or several, in order of completion, until the end of one
// context. They hold a connection of the client until they are closed. [Command.Results] and
// [Client.WaitAny] open and close them by themselves.
type Results struct {
	stream stream
}

// Results gives the results of a command that it has not returned yet, in order of completion; what is
// given here does not count there.
//
// An error for which [Error.Agent] is true is about that agent, and the results go on: an
// [ErrTimeout], after the deadline, once for each agent that did not answer; an [ErrProtocol] where
// its result cannot be read; an [ErrNoSuchAgent] where the controller knew no agent. After the
// deadline there is also one [ErrTimeout] for each command that no controller has routed. Any other
// error is the last.
func (c *Command) Results(ctx context.Context) iter.Seq2[*Job, error] {
	return each(func() (*Results, error) { return c.OpenResults(ctx) })
}

// OpenResults is [Command.Results] piece by piece; it has to be closed.
func (c *Command) OpenResults(ctx context.Context) (*Results, error) {
	var results *Results
	err := c.use(ctx, func(ptr *C.acclient_command) (err error) {
		results, err = c.client.openResults(ctx,
			func(call *call, results **C.acclient_results, raw **C.acclient_error) C.acclient_status {
				return C.acclient_command_results(ptr, call.ms(), call.cancel, results, raw)
			})
		return err
	})
	return results, err
}

// WaitAny gives the results of several commands, in order of completion, each once; [Job.ID] tells the
// command. Errors are as those of [Command.Results].
func (c *Client) WaitAny(ctx context.Context, commands ...*Command) iter.Seq2[*Job, error] {
	return each(func() (*Results, error) { return c.OpenAny(ctx, commands...) })
}

// OpenAny is [Client.WaitAny] piece by piece; it has to be closed.
func (c *Client) OpenAny(ctx context.Context, commands ...*Command) (*Results, error) {
	var lent lent
	defer lent.free()
	list := pointers[*C.acclient_command](&lent, len(commands))
	// One at a time takes several gates, so that no two wait for each other.
	if err := c.several.lock(ctx); err != nil {
		return nil, err
	}
	defer c.several.unlock()
	held := make(map[*Command]bool, len(commands))
	for index, command := range commands {
		if held[command] {
			ptr := command.handle.acquire()
			if ptr == nil {
				return nil, errClosed("command")
			}
			defer command.handle.release()
			list[index] = (*C.acclient_command)(ptr)
			continue
		}
		held[command] = true
		if err := command.gate.lock(ctx); err != nil {
			return nil, err
		}
		defer command.gate.unlock()
		ptr := command.handle.acquire()
		if ptr == nil {
			return nil, errClosed("command")
		}
		defer command.handle.release()
		list[index] = (*C.acclient_command)(ptr)
	}
	return c.openResults(ctx,
		func(call *call, results **C.acclient_results, raw **C.acclient_error) C.acclient_status {
			return C.acclient_client_wait_any(call.client, unsafe.SliceData(list), C.size_t(len(list)),
				call.ms(), call.cancel, results, raw)
		})
}

// isFinal tells whether nothing follows an error of an iterator.
func isFinal(err error) bool {
	var known *Error
	return err != nil && (!errors.As(err, &known) || known.IsFinal())
}

// each opens what gives jobs, and closes it.
func each[R interface {
	Next() (*Job, error)
	Close() error
}](open func() (R, error)) iter.Seq2[*Job, error] {
	return func(yield func(*Job, error) bool) {
		results, err := open()
		if err != nil {
			yield(nil, err)
			return
		}
		defer results.Close()
		for {
			job, err := results.Next()
			if errors.Is(err, io.EOF) || !yield(job, err) || isFinal(err) {
				return
			}
		}
	}
}

func (c *Client) openResults(
	ctx context.Context,
	f func(call *call, results **C.acclient_results, raw **C.acclient_error) C.acclient_status,
) (*Results, error) {
	var ptr *C.acclient_results
	stream, err := c.open(ctx, func(call *call, raw **C.acclient_error) (C.acclient_status, func()) {
		status := f(call, &ptr, raw)
		return status, func() { C.acclient_results_free(ptr) }
	}, func() unsafe.Pointer { return unsafe.Pointer(ptr) })
	if err != nil {
		return nil, err
	}
	results := &Results{*stream}
	runtime.SetFinalizer(results, func(r *Results) { r.stream.handle.close() })
	return results, nil
}

// open makes a C iterator, whose token lasts until it is closed. Where that blocks, the caller has a
// place for it.
func (c *Client) open(
	ctx context.Context,
	f func(call *call, raw **C.acclient_error) (C.acclient_status, func()),
	made func() unsafe.Pointer,
) (*stream, error) {
	if ctx.Err() != nil {
		return nil, errDone(ctx)
	}
	ptr := c.handle.acquire()
	if ptr == nil {
		return nil, errClosed("client")
	}
	defer c.handle.release()
	token, end, err := c.tokens.watch(ctx)
	if err != nil {
		return nil, err
	}
	var raw *C.acclient_error
	status, free := f(&call{ctx, (*C.acclient_client)(ptr), token}, &raw)
	if err := takeError(ctx, c, status, raw); err != nil {
		end()
		return nil, err
	}
	return &stream{
		ctx:    ctx,
		client: c,
		handle: newHandle(made(), func() { free(); end() }),
		gate:   newGate(),
	}, nil
}

// Next waits for the next result; io.EOF when there is none left. Errors are as those of
// [Command.Results].
func (r *Results) Next() (*Job, error) {
	var job *C.acclient_job
	err := r.stream.next(func(ptr unsafe.Pointer, raw **C.acclient_error) C.acclient_status {
		return C.acclient_results_next((*C.acclient_results)(ptr), &job, raw)
	})
	if err != nil {
		return nil, err
	}
	if job == nil {
		return nil, io.EOF
	}
	return takeJob(r.stream.client, job), nil
}

// Remaining is how many agents have not answered, as far as it is known yet whom the commands went to;
// 0 while another goroutine waits.
func (r *Results) Remaining() int {
	ptr := r.stream.handle.acquire()
	if ptr == nil {
		return 0
	}
	defer r.stream.handle.release()
	return int(C.acclient_results_remaining((*C.acclient_results)(ptr)))
}

// Method is how it waits; 0 before the first result was asked for, after the last, and while another
// goroutine waits.
func (r *Results) Method() Method {
	ptr := r.stream.handle.acquire()
	if ptr == nil {
		return 0
	}
	defer r.stream.handle.release()
	return Method(C.acclient_results_method((*C.acclient_results)(ptr)))
}

// Close gives the connection back; the jobs go on. A wait that is under way goes on until its context
// ends. It gives nil.
func (r *Results) Close() error {
	r.stream.handle.close()
	return nil
}
