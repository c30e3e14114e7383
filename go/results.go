package acclient

// #include "acclient.h"
import "C"

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"unsafe"
)

// Method is how results are waited for.
type Method int

// Ways to wait for results.
const (
	// MethodBlocking: blocking command on the last pending list.
	MethodBlocking Method = C.ACCLIENT_WAIT_BLOCKING
	// MethodTracking: push notifications for the lists that were read (client-side tracking).
	MethodTracking Method = C.ACCLIENT_WAIT_TRACKING
	// MethodBroadcast: push notifications for all lists of the command (client-side tracking in broadcast mode).
	MethodBroadcast Method = C.ACCLIENT_WAIT_BROADCAST
	// MethodPolling: polling all lists, with an interval of 40 ms.
	MethodPolling Method = C.ACCLIENT_WAIT_POLLING
)

// Results iterates over the results of one or more commands in completion order, until the end of one context. It
// holds a connection of the client until it is exhausted or closed. [Command.Results] and [Client.WaitAny] open and
// close one.
type Results struct {
	stream *stream
}

// Results iterates, in completion order, over the results that the command has not returned yet; results returned
// by the iterator do not count as returned by NextResult. A failed job is a result, not an error.
//
// An error for which [Error.Agent] is true concerns that agent, and more results may follow: [ErrTimeout] after the
// deadline, once for each agent that did not answer; [ErrProtocol] for a result that cannot be decoded. Results may
// also follow an [ErrNoSuchAgent], if the controller knew no agent for the target, and after the deadline an
// [ErrTimeout] for each command that no controller has routed. Any other error is the last; see [Error.IsFinal].
func (c *Command) Results(ctx context.Context) iter.Seq2[*Job, error] {
	return each(func() (*Results, error) { return c.OpenResults(ctx) }, (*Results).Next)
}

// OpenResults opens the iterator of [Command.Results]. Close it after use.
func (c *Command) OpenResults(ctx context.Context) (*Results, error) {
	ptr, release, err := c.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	return c.client.openResults(ctx, func(call *call, results **C.acclient_results, raw errorOut) status {
		return C.acclient_command_results(ptr, call.ms(), call.cancel, results, raw)
	})
}

// WaitAny iterates over the results of several commands, each once, in completion order; [Job.ID] is the command's
// id. Errors are those of [Command.Results].
func (c *Client) WaitAny(ctx context.Context, commands ...*Command) iter.Seq2[*Job, error] {
	return each(func() (*Results, error) { return c.OpenAny(ctx, commands...) }, (*Results).Next)
}

// OpenAny opens the iterator of [Client.WaitAny]. Close it after use.
func (c *Client) OpenAny(ctx context.Context, commands ...*Command) (*Results, error) {
	if err := first(c.check(), check(ctx)); err != nil {
		return nil, err
	}
	var args arguments
	defer args.free()
	list := pointers[*C.acclient_command](&args, len(commands))
	held := make(map[*Command]*C.acclient_command, len(commands))
	// In a fixed order, so that goroutines cannot deadlock.
	for _, command := range slices.SortedFunc(slices.Values(commands), bySerial) {
		if held[command] != nil {
			continue
		}
		ptr, release, err := command.hold(ctx)
		if err != nil {
			return nil, err
		}
		defer release()
		held[command] = ptr
	}
	for index, command := range commands {
		list[index] = held[command]
	}
	return c.openResults(ctx, func(call *call, results **C.acclient_results, raw errorOut) status {
		return C.acclient_client_wait_any(call.client, unsafe.SliceData(list), C.size_t(len(list)), call.ms(),
			call.cancel, results, raw)
	})
}

func bySerial(a, b *Command) int { return cmp.Compare(a.sent().serial, b.sent().serial) }

func (c *Client) openResults(
	ctx context.Context, f func(call *call, results **C.acclient_results, raw errorOut) status,
) (*Results, error) {
	stream, err := c.open(ctx, "results", func(call *call, raw errorOut) (status, unsafe.Pointer, func()) {
		var ptr *C.acclient_results
		code := f(call, &ptr, raw)
		return code, unsafe.Pointer(ptr), func() { C.acclient_results_free(ptr) }
	})
	if err != nil {
		return nil, err
	}
	return &Results{stream}, nil
}

// isFinal reports whether no item follows an error of an iterator.
func isFinal(err error) bool {
	var known *Error
	return err != nil && (!errors.As(err, &known) || known.IsFinal())
}

// each opens an iterator, yields its items, and closes it.
func each[R io.Closer, T any](open func() (R, error), next func(opened R) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		opened, err := open()
		if err != nil {
			var none T
			yield(none, err)
			return
		}
		defer opened.Close()
		for {
			item, err := next(opened)
			if err == io.EOF || !yield(item, err) || isFinal(err) {
				return
			}
		}
	}
}

// nextJob waits for the next job of an iterator.
func (s *stream) nextJob(f func(ptr unsafe.Pointer, job **C.acclient_job, raw errorOut) status) (*Job, error) {
	var job *C.acclient_job
	if err := s.next(func(ptr unsafe.Pointer, raw errorOut) status { return f(ptr, &job, raw) }); err != nil {
		return nil, err
	}
	if job == nil {
		return nil, io.EOF
	}
	return takeJob(s.client, job), nil
}

// opened returns the stream of the results, or nil if there is none.
func (r *Results) opened() *stream {
	if r == nil {
		return nil
	}
	return r.stream
}

// Next waits for the next result, and returns [io.EOF] if there are no more. Errors are those of [Command.Results].
func (r *Results) Next() (*Job, error) {
	return r.opened().nextJob(func(ptr unsafe.Pointer, job **C.acclient_job, raw errorOut) status {
		return C.acclient_results_next((*C.acclient_results)(ptr), job, raw)
	})
}

// Remaining returns the number of agents that have not answered, as far as the agents of the commands are known; 0
// while another goroutine waits.
func (r *Results) Remaining() (count int) {
	r.opened().look(func(ptr unsafe.Pointer) {
		count = int(C.acclient_results_remaining((*C.acclient_results)(ptr)))
	})
	return count
}

// Method returns how the results are waited for; 0 before the first wait, after the last result, and while
// another goroutine waits.
func (r *Results) Method() (method Method) {
	r.opened().look(func(ptr unsafe.Pointer) {
		method = Method(C.acclient_results_method((*C.acclient_results)(ptr)))
	})
	return method
}

// Close frees the results and their connection; the jobs continue to run. A blocked Next returns [ErrClosed]. Close
// returns nil.
func (r *Results) Close() error { return r.opened().close() }
