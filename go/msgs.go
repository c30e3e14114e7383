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

// Message is a message that a job has logged: a line of its output, or a message that it printed with a level.
type Message struct {
	// Data is the text.
	Data string
	// Level is the level: 1 stdout, 2 stderr, 3 public, 4 operator, 5 log, 6 structured log, 7 warning,
	// 8 operations error, 9 critical, 10 statsd, 11 debug, 20 to 23 and 30 results.
	Level int
	// Time is when it was logged, by the clock of the agent.
	Time time.Time
	// ID is the number of the message in the log of the agent; later messages have greater numbers. Numbers of one
	// job have gaps, since messages of other jobs and the agent's own answers are numbered too.
	ID int64
	// Raw is the JSON that the message was decoded from.
	Raw json.RawMessage
}

// mostMessages is the maximum number of messages that an agent returns.
const mostMessages = 1000

// MsgQuery is a query for messages. The zero MsgQuery selects the newest 20 messages of every level.
type MsgQuery struct {
	// Levels are the levels. Default: "*".
	Levels Levels
	// Limit is the maximum number of messages per agent, 1 to 1000; the newest are returned. Default: 20.
	Limit int
	// From and To exclude messages logged before and after. They apply to the messages that the agent returns: the
	// newest ones, up to the limit.
	From, To time.Time
}

// build creates the query of C; NULL for the zero query.
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

// Msgs reads the log of a job on an agent, newest first, by the id of its command. It returns no messages for a job
// that the agent does not know. Agents write logs with a short delay.
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

// readMessages decodes messages. It never fails, since C has validated them.
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

// Gap is a gap in a log read by [Follow]: messages with ids between After and Before may be missing; some of them
// may have been returned.
type Gap struct {
	// After is the last [Message.ID] up to which messages were returned or are part of an earlier gap; 0 if the gap
	// is at the start of the log.
	After int64
	// Before is the id from which messages are returned again.
	Before int64
}

// Follow is the log of a running job, until the end of one context. Close it after use. [Job.Follow] opens and
// closes one.
type Follow struct {
	stream *stream
}

// Follow iterates over the messages of the job as it logs them, each once, until the job has ended and its log is
// complete. The limit of the query is ignored. While waiting for a message, it sends a command to the agent every
// 250 ms.
//
// Agents write logs in batches, so messages become visible late, and some after later ones. Each message is
// returned once, as soon as it is visible. Messages that become visible together are ordered by id; a late one has
// a smaller id than its predecessor. A message is missed only if it becomes visible more than one second after a
// message with a greater id; the longest delay measured on the original agent is a fifth of that. The log ends one
// second after the result of the job or its last message. An agent that dies never writes the messages of its last
// 100 ms.
//
// Following continues until the deadline of the context after a lost connection, a restart of the controller and an
// absence of the agent. Without a deadline, an agent that never returns is waited for indefinitely. The iterator
// keeps the ids of up to 3000 messages.
//
// After [ErrGap], messages may be missing and the log continues; see [Error.Gap]. An agent returns the newest 1000
// messages of a level per request, and a job may log more between two polls or before the first. Any other error is
// the last: [ErrLost] for a lost job, within a few seconds of the agent being up; [ErrTimeout], whose message says
// how long the agent has not answered.
func (j *Job) Follow(ctx context.Context, query MsgQuery) iter.Seq2[Message, error] {
	return each(func() (*Follow, error) { return j.OpenFollow(ctx, query) }, (*Follow).Next)
}

// OpenFollow opens the iterator of [Job.Follow]. Close it after use.
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

// opened returns the stream of the messages, or nil if there is none.
func (f *Follow) opened() *stream {
	if f == nil {
		return nil
	}
	return f.stream
}

// Next waits for the next message, and returns [io.EOF] once the job has ended and its log is complete. Errors are
// those of [Job.Follow].
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

// Close frees the iterator; the job continues to run. A blocked Next returns [ErrClosed]. Close returns nil.
func (f *Follow) Close() error { return f.opened().close() }
