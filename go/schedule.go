package acclient

// #include <acclient.h>
import "C"

import (
	"context"
	"encoding/json"
)

// Scheduled is a command that the controller sends at certain times.
type Scheduled struct {
	Raw
	// ID is what it was scheduled by.
	ID string `json:"id"`
	// Cron says when.
	Cron string `json:"cron"`
	// Cmd is the command.
	Cmd json.RawMessage `json:"cmd"`
}

// ScheduleAdd has the controller send a command at certain times, each time with a new id. One of the
// same id is replaced. cron has five or six fields beginning with seconds, like "0 30 3 * * *", or is
// like "@every 1h"; what the controller would not understand is an [ErrInvalidArgument].
func (c *Client) ScheduleAdd(ctx context.Context, id, cron string, request *Request) error {
	var lent lent
	defer lent.free()
	name, when := lent.name("the id", id), lent.name("the times", cron)
	if lent.err != nil {
		return lent.err
	}
	ptr, free, err := request.build()
	if err != nil {
		return err
	}
	defer free()
	return c.do(ctx, func(call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_client_schedule_add(call.client, name, when, ptr, call.ms(), call.cancel, raw)
	})
}

// ScheduleList gives what is scheduled, in the order of ids.
func (c *Client) ScheduleList(ctx context.Context) ([]Scheduled, error) {
	return askRows[Scheduled](c, ctx, func(
		call *call, answer **C.acclient_answer, raw **C.acclient_error,
	) C.acclient_status {
		return C.acclient_client_schedule_list(call.client, call.ms(), call.cancel, answer, raw)
	})
}

// ScheduleRemove takes a command off the schedule, and tells whether there was one of that id.
func (c *Client) ScheduleRemove(ctx context.Context, id string) (bool, error) {
	var lent lent
	defer lent.free()
	name := lent.name("the id", id)
	if lent.err != nil {
		return false, lent.err
	}
	var removed C.bool
	err := c.do(ctx, func(call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_client_schedule_remove(call.client, name, &removed, call.ms(), call.cancel, raw)
	})
	return bool(removed), err
}

// ScheduleRemovePrefix takes all commands whose ids begin with a prefix off the schedule; "" is all.
func (c *Client) ScheduleRemovePrefix(ctx context.Context, prefix string) error {
	var lent lent
	defer lent.free()
	name := lent.name("the prefix", prefix)
	if lent.err != nil {
		return lent.err
	}
	return c.do(ctx, func(call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_client_schedule_remove_prefix(call.client, name, call.ms(), call.cancel, raw)
	})
}
