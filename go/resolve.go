package acclient

// #include "acclient.h"
import "C"

import (
	"context"
	"encoding/json"
)

// Resolve resolves an expression over agents to a target.
//
// Explicit agents, and roles that are all required, become a target without a request. For any other expression
// Resolve asks the controller for its agents, as [Client.ListAgents] does, and returns a target that lists agents.
// Explicit agents are included even if they are not registered; ranges, patterns and "not" select registered
// agents.
//
//   - "1:1-20,25,2:*": agents by number, with ranges ("-") and patterns ("*", "?")
//   - "all", "any", "role=cpu,storage@1": as in [ParseTarget]
//   - "@web": a group of the named instance that the client was created from, a string in its table "groups"
//   - combined by "or", "and", "not" (in increasing precedence) and parentheses; "any" cannot be combined
//
// Resolve returns [ErrInvalidArgument] for a syntax error or an unknown or invalid group, and [ErrNoSuchAgent] if
// no agent matches.
func (c *Client) Resolve(ctx context.Context, expression string) (Target, error) {
	var args arguments
	defer args.free()
	var ptr *C.acclient_target
	err := c.doWithText(ctx, &args, "expression", expression, func(text *C.char, call *call, raw errorOut) status {
		return C.acclient_client_resolve(call.client, text, call.ms(), call.cancel, &ptr, raw)
	})
	if err != nil {
		return Target{}, err
	}
	defer own(func() { C.acclient_target_free(ptr) })()
	var length C.size_t
	text := C.acclient_target_text(ptr, &length)
	return Target{kind: targetText, text: copied(text, length)}, nil
}

// MatchingAgents lists the registered agents that a target selects, ordered by number. Listed agents that the
// controller does not know are omitted, so there may be none. For [Any], it lists all agents that the controller
// chooses from.
func (c *Client) MatchingAgents(ctx context.Context, target Target) ([]AgentInfo, error) {
	ptr, free, err := target.build()
	if err != nil {
		return nil, err
	}
	defer free()
	return ask(ctx, c, func(call *call, answer **C.acclient_answer, raw errorOut) status {
		return C.acclient_client_matching_agents(call.client, ptr, call.ms(), call.cancel, answer, raw)
	}, readRows[AgentInfo])
}

// WaitingCommands counts, for each of the agents, the commands that the controller has routed to it and that it has
// not fetched. It reads Redis only. Agents whose key "cmds:<gid>:<nid>" the Redis user may not read are omitted. It
// takes at least one agent.
func (c *Client) WaitingCommands(ctx context.Context, agents ...AgentID) (map[AgentID]uint64, error) {
	ptr, free, err := Agents(agents...).build()
	if err != nil {
		return nil, err
	}
	defer free()
	return ask(ctx, c, func(call *call, answer **C.acclient_answer, raw errorOut) status {
		return C.acclient_client_waiting_commands(call.client, ptr, call.ms(), call.cancel, answer, raw)
	}, func(answer *C.acclient_answer) (map[AgentID]uint64, error) {
		var rows []struct {
			GID, NID int64
			Waiting  uint64
		}
		err := json.Unmarshal(answerJSON(answer), &rows)
		waiting := make(map[AgentID]uint64, len(rows))
		for _, row := range rows {
			waiting[AgentID{row.GID, row.NID}] = row.Waiting
		}
		return waiting, err
	})
}
