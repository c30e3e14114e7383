package acclient

// #include <acclient.h>
import "C"

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"runtime"
	"time"
	"unsafe"
)

// Message is what a job has logged: a line of its output, or what it printed with a level.
type Message struct {
	// Data is the text.
	Data string
	// Level is its level: 1 stdout, 2 stderr, 3 public, 4 operator, 5 log, 6 structured log, 7 warning,
	// 8 operations error, 9 critical, 10 statsd, 11 debug, 20 to 23 and 30 results.
	Level int
	// Time is when it was logged, by the clock of the agent.
	Time time.Time
	// ID is its number in the log of the agent: greater is later.
	ID int64
	// Raw is the JSON that it was.
	Raw json.RawMessage
}

// MsgQuery says which messages are wanted. The zero MsgQuery is the newest 20 of all levels.
type MsgQuery struct {
	// Levels are the levels. Default: "*".
	Levels Levels
	// Limit is how many at most, of each agent: 1 to 1000. Default: 20.
	Limit int
	// From and To are times between which they were logged; zero is no limit. Agents do not look at
	// times: the newest up to the limit are asked for, and what is older is left out.
	From, To time.Time
}

// msgQuery is a query as C takes it.
type msgQuery struct {
	levels   *C.char
	limit    C.uint32_t
	from, to C.int64_t
}

func (q MsgQuery) lend(lent *lent) msgQuery {
	asked := msgQuery{lent.optional("the levels", string(q.Levels)), 20, -1, -1}
	if q.Limit != 0 {
		// What is out of range stays so.
		asked.limit = C.uint32_t(min(max(q.Limit, 0), 1001))
	}
	if !q.From.IsZero() {
		asked.from = C.int64_t(q.From.UnixMilli())
	}
	if !q.To.IsZero() {
		asked.to = C.int64_t(q.To.UnixMilli())
	}
	return asked
}

// Msgs gives what a job has logged on an agent, newest first, by its id. A job that the agent does not
// know has none. The agent logs a little behind.
func (c *Client) Msgs(ctx context.Context, gid, nid int64, id string, query MsgQuery) ([]Message, error) {
	var lent lent
	defer lent.free()
	name, asked := lent.name("the id", id), query.lend(&lent)
	if lent.err != nil {
		return nil, lent.err
	}
	var answer *C.acclient_answer
	err := c.do(ctx, func(call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_client_get_msgs(call.client, C.int64_t(gid), C.int64_t(nid), name, asked.levels,
			asked.limit, asked.from, asked.to, call.ms(), call.cancel, &answer, raw)
	})
	if err != nil {
		return nil, err
	}
	return takeMessages(answer), nil
}

func takeMessages(answer *C.acclient_answer) []Message {
	defer own(func() { C.acclient_answer_free(answer) })()
	return readMessages(answer)
}

func readMessages(answer *C.acclient_answer) []Message {
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
	return messages
}

// Follow follows the log of the job, each message once, oldest first, until it is over and its log has
// settled. An error that is not final ([Error.IsFinal]) tells of a gap: the agent gives its newest
// thousand messages, and the job logged more between two looks. Any other error is the last. levels ""
// is "*".
func (j *Job) Follow(ctx context.Context, levels Levels) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		follow, err := j.openFollow(ctx, levels)
		if err != nil {
			yield(Message{}, err)
			return
		}
		defer follow.handle.close()
		for {
			message, err := follow.nextMessage()
			if errors.Is(err, io.EOF) || !yield(message, err) || isFinal(err) {
				return
			}
		}
	}
}

func (j *Job) openFollow(ctx context.Context, levels Levels) (*stream, error) {
	var lent lent
	defer lent.free()
	which := lent.optional("the levels", string(levels))
	if lent.err != nil {
		return nil, lent.err
	}
	var opened *stream
	var openError error
	err := j.with(ctx, func(job *C.acclient_job, _ *call, _ **C.acclient_error) C.acclient_status {
		var ptr *C.acclient_follow
		opened, openError = j.client.open(ctx,
			func(call *call, raw **C.acclient_error) (C.acclient_status, func()) {
				status := C.acclient_job_follow(job, which, call.ms(), call.cancel, &ptr, raw)
				return status, func() { C.acclient_follow_free(ptr) }
			}, func() unsafe.Pointer { return unsafe.Pointer(ptr) })
		return C.ACCLIENT_OK
	})
	if err := firstError(err, openError); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(opened, func(s *stream) { s.handle.close() })
	return opened, nil
}

func (s *stream) nextMessage() (Message, error) {
	var answer *C.acclient_answer
	err := s.next(func(ptr unsafe.Pointer, raw **C.acclient_error) C.acclient_status {
		return C.acclient_follow_next((*C.acclient_follow)(ptr), &answer, raw)
	})
	if err != nil {
		return Message{}, err
	}
	if answer == nil {
		return Message{}, io.EOF
	}
	return takeMessages(answer)[0], nil
}
