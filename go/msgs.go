package acclient

// #include "acclient.h"
import "C"

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"time"
	"unsafe"
)

// Message is a message that a job has logged: a line of its output, or what it printed with a level.
type Message struct {
	// Data is the text.
	Data string
	// Level is the level: 1 stdout, 2 stderr, 3 public, 4 operator, 5 log, 6 structured log, 7 warning,
	// 8 operations error, 9 critical, 10 statsd, 11 debug, 20 to 23 and 30 results.
	Level int
	// Time is when it was logged, by the clock of the agent.
	Time time.Time
	// ID is its number in the log of the agent: greater is later. Messages of other jobs and the agent's own
	// answers take numbers too, so that those of one job have holes.
	ID int64
	// Raw is the JSON that it was decoded from.
	Raw json.RawMessage
}

// mostMessages is the maximum number of messages that an agent returns.
const mostMessages = 1000

// MsgQuery is a query of messages. The zero MsgQuery asks for the newest 20 messages of every level.
type MsgQuery struct {
	// Levels are the levels. Default: "*".
	Levels Levels
	// Limit is the maximum number of messages of each agent, 1 to 1000; the newest are returned. Default: 20.
	Limit int
	// From and To leave out messages logged before and after. They apply to what the agent returns: its newest
	// messages, up to the limit.
	From, To time.Time
}

// build makes the query of C; NULL for the zero query.
func (q MsgQuery) build() (*C.acclient_msg_query, func(), error) {
	if q == (MsgQuery{}) {
		return nil, func() {}, nil
	}
	if q.Limit < 0 || q.Limit > mostMessages {
		return nil, nil, errInvalid(fmt.Sprintf("invalid Limit %d: expected 1 to %d, or 0 for the default",
			q.Limit, mostMessages))
	}
	return build(
		func(ptr **C.acclient_msg_query, raw errorOut) status { return C.acclient_msg_query_new(ptr, raw) },
		func(ptr *C.acclient_msg_query) { C.acclient_msg_query_free(ptr) },
		q.set)
}

func (q MsgQuery) set(args *arguments, ptr *C.acclient_msg_query) {
	args.set("levels", string(q.Levels), func(levels *C.char, raw errorOut) status {
		return C.acclient_msg_query_set_levels(ptr, levels, raw)
	})
	args.number(int64(q.Limit), func(limit C.int64_t, raw errorOut) status {
		return C.acclient_msg_query_set_limit(ptr, C.uint32_t(limit), raw)
	})
	args.time("From", q.From, func(from C.int64_t, raw errorOut) status {
		return C.acclient_msg_query_set_from(ptr, from, raw)
	})
	args.time("To", q.To, func(to C.int64_t, raw errorOut) status {
		return C.acclient_msg_query_set_to(ptr, to, raw)
	})
}

// time makes a call with a time, unless it is zero.
func (a *arguments) time(what string, at time.Time, f func(milliseconds C.int64_t, raw errorOut) status) {
	if !at.IsZero() {
		if at.UnixMilli() < 0 {
			a.fail(errInvalid(fmt.Sprintf("invalid %s %v: expected a time since 1970", what, at)))
		}
		a.call(func(raw errorOut) status { return f(C.int64_t(at.UnixMilli()), raw) })
	}
}

// Msgs reads what a job has logged on an agent, newest first, by the id of its command. None for a job that the
// agent does not know. The agent logs with a short delay.
func (c *Client) Msgs(ctx context.Context, agent AgentID, id string, query MsgQuery) ([]Message, error) {
	target, freeTarget, err := agent.Target().build()
	if err != nil {
		return nil, err
	}
	defer freeTarget()
	asked, freeQuery, err := query.build()
	if err != nil {
		return nil, err
	}
	defer freeQuery()
	var args arguments
	defer args.free()
	name := args.text("id", id)
	if args.err != nil {
		return nil, args.err
	}
	return ask(ctx, c, func(call *call, answer **C.acclient_answer, raw errorOut) status {
		return C.acclient_client_get_msgs(call.client, target, name, asked, call.ms(), call.cancel, answer, raw)
	}, readMessages)
}

// readMessages decodes messages. It never fails, since C has checked them.
func readMessages(answer *C.acclient_answer) ([]Message, error) {
	messages := make([]Message, 0, int(C.acclient_answer_count(answer)))
	for row := range C.acclient_answer_count(answer) {
		var length C.size_t
		text := C.acclient_answer_text(answer, row, field("data\x00"), &length)
		message := Message{
			Data:  copied(text, length),
			Level: int(C.acclient_answer_int(answer, row, field("level\x00"))),
			Time:  time.UnixMilli(int64(C.acclient_answer_int(answer, row, field("epoch\x00")))),
			ID:    int64(C.acclient_answer_int(answer, row, field("id\x00"))),
		}
		text = C.acclient_answer_text(answer, row, field("\x00"), &length)
		message.Raw = json.RawMessage(copied(text, length))
		messages = append(messages, message)
	}
	return messages, nil
}

// Gap is a part of the log of a job that a [Follow] could not read: messages with ids between the two may be
// missing; some of them may have been returned.
type Gap struct {
	// After is the [Message.ID] up to which every message was returned or is part of an earlier gap; 0 where the
	// gap begins with the log.
	After int64
	// Before is the id from which on messages are returned again.
	Before int64
}

// Follow is the messages of a job as it logs them, until the end of one context. It has to be closed.
// [Job.Follow] opens and closes one by itself.
type Follow struct {
	stream *stream
}

// Follow iterates over the messages of the job as it logs them, each once, until the job is over and its log is
// complete. The limit of the query is ignored. While it waits for a message it asks the agent every 250 ms, each
// time with a command.
//
// Agents write their logs in batches, so that messages become visible late, and some after later ones. A message is
// returned as soon as it is visible, and once. Messages that become visible together are in the order of their ids;
// one that comes late has a smaller id than its predecessor. Nothing is missed that becomes visible within one
// second of a message with a greater id, which is five times the longest delay measured on the original agent. One
// second after the result of the job, or after its last message, the log ends. Messages of the last 100 ms before an
// agent dies are never written.
//
// It goes on where a wait for the result would: after a lost connection, and while the controller starts again or
// the agent is away, until the deadline of the context. Without a deadline it waits without end for an agent that
// never comes back. It keeps the ids of up to 3000 messages.
//
// [ErrGap] means that messages may be missing, after which the next ones follow; [Error.Gap] says where. An agent
// returns the newest 1000 messages of a level at a time, and a job may log more between two polls, or before the
// first. Any other error is the last: [ErrLost] for a job that is lost, found within a few seconds of the agent being
// there; [ErrTimeout], whose message says how long the agent has not answered.
func (j *Job) Follow(ctx context.Context, query MsgQuery) iter.Seq2[Message, error] {
	return each(func() (*Follow, error) { return j.OpenFollow(ctx, query) }, (*Follow).Next)
}

// OpenFollow opens the iterator of [Job.Follow], which has to be closed.
func (j *Job) OpenFollow(ctx context.Context, query MsgQuery) (*Follow, error) {
	asked, free, err := query.build()
	if err != nil {
		return nil, err
	}
	defer free()
	var opened *stream
	var openError error
	err = j.with(ctx, func(job *C.acclient_job, _ *call, _ errorOut) status {
		opened, openError = j.client.open(ctx, "log", func(call *call, raw errorOut) (status, unsafe.Pointer, func()) {
			var ptr *C.acclient_follow
			code := C.acclient_job_follow(job, asked, call.ms(), call.cancel, &ptr, raw)
			return code, unsafe.Pointer(ptr), func() { C.acclient_follow_free(ptr) }
		})
		return C.ACCLIENT_OK
	})
	if err := first(err, openError); err != nil {
		return nil, err
	}
	return &Follow{opened}, nil
}

// opened is the stream of the messages, nil where there is none.
func (f *Follow) opened() *stream {
	if f == nil {
		return nil
	}
	return f.stream
}

// Next waits for the next message; [io.EOF] when the job is over and its log is complete. Errors are as those of
// [Job.Follow].
func (f *Follow) Next() (Message, error) {
	var answer *C.acclient_answer
	if err := f.opened().next(func(ptr unsafe.Pointer, raw errorOut) status {
		return C.acclient_follow_next((*C.acclient_follow)(ptr), &answer, raw)
	}); err != nil {
		return Message{}, err
	}
	if answer == nil {
		return Message{}, io.EOF
	}
	messages, err := takeAnswer(answer, readMessages)
	return messages[0], err
}

// Close frees the iterator; the job goes on. A Next that is blocked returns [ErrClosed]. Close returns nil.
func (f *Follow) Close() error { return f.opened().close() }
