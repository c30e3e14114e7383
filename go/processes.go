package acclient

// #include "acclient.h"
import "C"

import (
	"context"
	"encoding/json"
)

// ProcessStats is the resource usage of a process of an agent, as measured by the agent.
type ProcessStats struct {
	Raw
	// Cmd is the command that the process runs; null if the process is not a job.
	Cmd json.RawMessage `json:"cmd"`
	// CPU is the processor usage, in percent of one processor.
	CPU float64 `json:"cpu"`
	// RSS is the resident memory, in bytes.
	RSS uint64 `json:"rss"`
	// VMS is the virtual memory, in bytes.
	VMS uint64 `json:"vms"`
	// Swap is the swapped memory, in bytes.
	Swap uint64 `json:"swap"`
	// Debug is text for people: the process id, on current agents.
	Debug string `json:"debug"`
}

// ProcessQuery is a query for the jobs that an agent is running. The zero ProcessQuery selects all of them.
type ProcessQuery struct {
	// Domain restricts the query to a domain; see [RunArgs].
	Domain string
	// Name restricts the query to a name; for "execute", the name is the program.
	Name string
}

// build creates the query of C; NULL for the zero query.
func (q ProcessQuery) build() (*C.acclient_process_query, func(), error) {
	if q == (ProcessQuery{}) {
		return nil, func() {}, nil
	}
	return build(
		func(ptr **C.acclient_process_query, raw errorOut) status {
			return C.acclient_process_query_new(ptr, raw)
		},
		func(ptr *C.acclient_process_query) { C.acclient_process_query_free(ptr) },
		q.set)
}

func (q ProcessQuery) set(args *arguments, ptr *C.acclient_process_query) {
	args.set("domain", q.Domain, func(domain *C.char, raw errorOut) status {
		return C.acclient_process_query_set_domain(ptr, domain, raw)
	})
	args.set("name", q.Name, func(name *C.char, raw errorOut) status {
		return C.acclient_process_query_set_name(ptr, name, raw)
	})
}

// Processes reads the jobs that an agent is running, this request included.
func (c *Client) Processes(ctx context.Context, agent AgentID, query ProcessQuery) ([]ProcessStats, error) {
	asked, free, err := query.build()
	if err != nil {
		return nil, err
	}
	defer free()
	return ask(ctx, c, func(call *call, answer **C.acclient_answer, raw errorOut) status {
		return C.acclient_client_get_processes(call.client, C.int64_t(agent.GID), C.int64_t(agent.NID), asked,
			call.ms(), call.cancel, answer, raw)
	}, readRows[ProcessStats])
}

// AllProcesses reads the jobs that every agent of every grid is running. Errors of single agents are in their
// outcomes.
func (c *Client) AllProcesses(ctx context.Context, query ProcessQuery) ([]Outcome[[]ProcessStats], error) {
	asked, free, err := query.build()
	if err != nil {
		return nil, err
	}
	defer free()
	var outcomes *C.acclient_outcomes
	if err := c.do(ctx, func(call *call, raw errorOut) status {
		return C.acclient_client_get_all_processes(call.client, asked, call.ms(), call.cancel, &outcomes, raw)
	}); err != nil {
		return nil, err
	}
	return takeOutcomes(ctx, c, outcomes, answers(readRows[ProcessStats])), nil
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
