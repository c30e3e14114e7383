package acclient

// #include "acclient.h"
import "C"

import (
	"context"
	"encoding/json"
)

// Resolve resolves an expression over agents to the target that it means at this moment.
//
// Agents that are written out, and roles that all have to be there, become a target without asking anybody. For all
// else, Resolve asks the controller for its agents, as [Client.ListAgents] does, and returns a target that lists
// agents. An agent that is written out is in the target even if it is not registered; ranges, patterns and "not"
// mean registered agents.
//
//   - "1:1-20,25,2:*": agents by their numbers, where a range has "-" and a pattern "*" or "?"
//   - "all", "any", "role=cpu,storage@1": as in [ParseTarget]
//   - "@web": a group of the named instance that the client was made from, which is a string in its table "groups"
//   - "or", "and", "not", which bind tighter in this order, and parentheses combine them; "any" cannot be combined
//
// It returns [ErrInvalidArgument] for a syntax error and a group that does not exist or is invalid, and
// [ErrNoSuchAgent] where nobody is meant.
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

// MatchingAgents lists the agents that a target means at this moment, of those that the controller knows, in the
// order of their numbers. Agents that the target lists and the controller does not know are left out, so that there
// may be none. For [Any], it lists all agents that the controller would choose from.
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

// WaitingCommands counts the commands that wait for each of the agents: the controller has routed them, and the
// agent has not fetched them. It reads them from Redis without asking the controller or an agent. Agents of which the
// user of Redis may not read the key "cmds:<gid>:<nid>" are left out. It takes at least one agent.
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
