package acclient

// #include "acclient.h"
import "C"

import (
	"context"
	"encoding/json"
)

// Scheduled is an entry of the schedule: a command that the controller sends at certain times.
type Scheduled struct {
	Raw
	// ID is the id of the entry.
	ID string `json:"id"`
	// Cron is when the command is sent.
	Cron string `json:"cron"`
	// Cmd is the command.
	Cmd json.RawMessage `json:"cmd"`
}

// ScheduleAdd schedules a command: the controller sends it at certain times, each time with a new id. An entry
// with the same id is replaced. cron has five or six fields, starting with seconds, like "0 30 3 * * *", or is
// like "@every 1h"; [ErrInvalidArgument] for what the controller would not decode. The numbers of the agent or grid,
// and the maximum time, may have six digits.
func (c *Client) ScheduleAdd(ctx context.Context, id, cron string, request *Request) error {
	ptr, free, err := request.build()
	if err != nil {
		return err
	}
	defer free()
	var args arguments
	defer args.free()
	times := args.text("cron", cron)
	return c.doWithText(ctx, &args, "id", id, func(id *C.char, call *call, raw errorOut) status {
		return C.acclient_client_schedule_add(call.client, id, times, ptr, call.ms(), call.cancel, raw)
	})
}

// ScheduleList lists the schedule, in the order of ids.
func (c *Client) ScheduleList(ctx context.Context) ([]Scheduled, error) {
	return ask(ctx, c, func(call *call, answer **C.acclient_answer, raw errorOut) status {
		return C.acclient_client_schedule_list(call.client, call.ms(), call.cancel, answer, raw)
	}, readRows[Scheduled])
}

// ScheduleRemove removes an entry from the schedule, and returns whether there was one with this id.
func (c *Client) ScheduleRemove(ctx context.Context, id string) (bool, error) {
	var args arguments
	defer args.free()
	var removed C.bool
	err := c.doWithText(ctx, &args, "id", id, func(id *C.char, call *call, raw errorOut) status {
		return C.acclient_client_schedule_remove(call.client, id, &removed, call.ms(), call.cancel, raw)
	})
	return bool(removed), err
}

// ScheduleRemovePrefix removes all entries whose ids start with a prefix from the schedule; an empty prefix
// removes all entries.
func (c *Client) ScheduleRemovePrefix(ctx context.Context, prefix string) error {
	var args arguments
	defer args.free()
	return c.doWithText(ctx, &args, "prefix", prefix, func(prefix *C.char, call *call, raw errorOut) status {
		return C.acclient_client_schedule_remove_prefix(call.client, prefix, call.ms(), call.cancel, raw)
	})
}

func (c *Client) doWithText(
	ctx context.Context, args *arguments, what, text string, f func(text *C.char, call *call, raw errorOut) status,
) error {
	lent := args.text(what, text)
	if args.err != nil {
		return args.err
	}
	return c.do(ctx, func(call *call, raw errorOut) status { return f(lent, call, raw) })
}
