package acclient

// #include <acclient.h>
import "C"

import (
	"context"
	"encoding/json"
)

// ProcessStats are what a process of an agent uses, as the agent measures it.
type ProcessStats struct {
	Raw
	// Cmd is the command that it runs; null for what is no job.
	Cmd json.RawMessage `json:"cmd"`
	// CPU is the use of the processor, in per cent of one.
	CPU float64 `json:"cpu"`
	// RSS is resident memory, in bytes.
	RSS uint64 `json:"rss"`
	// VMS is virtual memory, in bytes.
	VMS uint64 `json:"vms"`
	// Swap is swapped memory, in bytes.
	Swap uint64 `json:"swap"`
	// Debug is what the agent adds for people: its process id, on today's agents.
	Debug string `json:"debug"`
}

// ProcessQuery says which processes are wanted. The zero ProcessQuery is all of them.
type ProcessQuery struct {
	// Domain: those that were started with this domain among their run arguments.
	Domain string
	// Name: those that were started with this name: for "execute", the program.
	Name string
}

// Processes are the jobs that an agent runs at this moment, this question included.
func (c *Client) Processes(ctx context.Context, gid, nid int64, query ProcessQuery) ([]ProcessStats, error) {
	var lent lent
	defer lent.free()
	domain, name := lent.optional("the domain", query.Domain), lent.optional("the name", query.Name)
	if lent.err != nil {
		return nil, lent.err
	}
	return askRows[ProcessStats](c, ctx, func(
		call *call, answer **C.acclient_answer, raw **C.acclient_error,
	) C.acclient_status {
		return C.acclient_client_get_processes(call.client, C.int64_t(gid), C.int64_t(nid), domain, name,
			call.ms(), call.cancel, answer, raw)
	})
}

// AllProcesses are the jobs that every agent of every grid runs at this moment.
func (c *Client) AllProcesses(ctx context.Context, query ProcessQuery) ([]Outcome[[]ProcessStats], error) {
	var lent lent
	defer lent.free()
	domain, name := lent.optional("the domain", query.Domain), lent.optional("the name", query.Name)
	if lent.err != nil {
		return nil, lent.err
	}
	var outcomes *C.acclient_outcomes
	err := c.do(ctx, func(call *call, raw **C.acclient_error) C.acclient_status {
		return C.acclient_client_get_all_processes(call.client, domain, name, call.ms(), call.cancel,
			&outcomes, raw)
	})
	if err != nil {
		return nil, err
	}
	return takeOutcomes(ctx, c, outcomes, readRows[ProcessStats]), nil
}

// readStats reads an answer of one row.
func readStats(answer *C.acclient_answer) (*ProcessStats, error) {
	stats, err := readRow[ProcessStats](answer)
	if err != nil {
		return nil, err
	}
	stats.CPU = float64(C.acclient_answer_double(answer, 0, field("cpu\x00")))
	return stats, nil
}
