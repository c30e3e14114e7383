package acclient

// #include "acclient.h"
import "C"

import (
	"context"
	"fmt"
	"math"
)

// Cmds reads count commands of the history (1 to 10000), most recent first, after skipping the start most recent
// ones. Close each of them. Only controllers older than the original of 2016 keep a history; Cmds returns
// [ErrUnsupported] if there is none.
func (c *Client) Cmds(ctx context.Context, start, count int) ([]*Command, error) {
	if start < 0 || count < 0 || uint64(start) > math.MaxUint32 || uint64(count) > math.MaxUint32 {
		return nil, errInvalid(fmt.Sprintf("invalid start %d and count %d: expected 0 and above, and 1 to 10000",
			start, count))
	}
	var past *C.acclient_commands
	if err := c.do(ctx, func(call *call, raw errorOut) status {
		return C.acclient_client_get_cmds(call.client, C.uint32_t(start), C.uint32_t(count), call.ms(),
			call.cancel, &past, raw)
	}); err != nil {
		return nil, err
	}
	free := own(func() { C.acclient_commands_free(past) })
	found := C.acclient_commands_count(past)
	if found == 0 {
		free()
		return nil, nil
	}
	drop := shared(int(found), free)
	commands := make([]*Command, 0, int(found))
	for index := range found {
		commands = append(commands, borrowCommand(c, C.acclient_commands_at(past, index), drop))
	}
	return commands, nil
}
