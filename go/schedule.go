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

// ScheduleAdd adds a command to the controller's schedule, replacing an entry with the same id. The controller
// sends the command with a new id each time. cron has five or six fields, starting with seconds, like "0 30 3 * *
// *", or is like "@every 1h". ScheduleAdd returns [ErrInvalidArgument] for values that the controller cannot
// decode. The numbers of the agent or grid, and the maximum run time, may have up to six digits.
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

// ScheduleList lists the schedule, ordered by id.
func (c *Client) ScheduleList(ctx context.Context) ([]Scheduled, error) {
	return ask(ctx, c, func(call *call, answer **C.acclient_answer, raw errorOut) status {
		return C.acclient_client_schedule_list(call.client, call.ms(), call.cancel, answer, raw)
	}, readRows[Scheduled])
}

// ScheduleRemove removes an entry from the schedule, and returns whether an entry had this id.
func (c *Client) ScheduleRemove(ctx context.Context, id string) (bool, error) {
	var args arguments
	defer args.free()
	var removed C.bool
	err := c.doWithText(ctx, &args, "id", id, func(id *C.char, call *call, raw errorOut) status {
		return C.acclient_client_schedule_remove(call.client, id, &removed, call.ms(), call.cancel, raw)
	})
	return bool(removed), err
}

// ScheduleRemovePrefix removes all entries whose id starts with a prefix from the schedule; "" removes all entries.
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
