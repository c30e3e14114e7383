package acclient

// #include <stdlib.h>
// #include "acclient.h"
import "C"

import (
	"fmt"
	"slices"
	"strings"
	"unsafe"
)

// AgentID is an agent: the node NID of the grid GID. The zero AgentID is the controller.
type AgentID struct {
	GID, NID int64
}

// String returns the agent as text, like "1:2".
func (a AgentID) String() string { return fmt.Sprintf("%d:%d", a.GID, a.NID) }

// Target returns the agent as a target.
func (a AgentID) Target() Target { return Target{kind: targetAgent, agents: []AgentID{a}} }

// agentOf reads an agent through one of the accessors of C.
func agentOf(read func(gid, nid *C.int64_t) C.bool) (AgentID, bool) {
	var gid, nid C.int64_t
	is := read(&gid, &nid)
	return AgentID{int64(gid), int64(nid)}, bool(is)
}

// Target is the target of a command: one agent, a list of agents, any one agent with certain roles, or all agents
// with them. The zero Target is invalid.
type Target struct {
	kind   targetKind
	agents []AgentID
	roles  []string
	// text is the text that ParseTarget has read, as C writes it.
	text   string
	onGrid bool
	grid   int64
}

type targetKind int

const (
	targetNone targetKind = iota
	targetAgent
	targetAgents
	targetAny
	targetAll
	targetText
)

// Agent returns the target of one agent: the node nid of the grid gid.
func Agent(gid, nid int64) Target { return AgentID{gid, nid}.Target() }

// Agents returns the target of a list of agents, without duplicates. The command has one id and is pushed to all
// agents of the list or to none.
func Agents(agents ...AgentID) Target {
	return Target{kind: targetAgents, agents: slices.Clone(agents)}
}

// Any returns the target of one agent that the controller chooses at random among those that have all of the roles.
func Any(roles ...string) Target { return Target{kind: targetAny, roles: slices.Clone(roles)} }

// All returns the target of all agents that have all of the roles: a fan-out.
func All(roles ...string) Target { return Target{kind: targetAll, roles: slices.Clone(roles)} }

// ParseTarget parses a target in the form of [Target.String]: "1:2" for one agent, "1:2,2:1" for a list; "all" or
// "any"; "role=cpu,storage" for all agents with both roles, "any,role=cpu" for one; a trailing "@1" restricts it to
// grid 1. In a role, comma, "@", "%" and white space must be written as %xx; other characters may be.
func ParseTarget(text string) (Target, error) {
	if err := checkText("target", text); err != nil {
		return Target{}, err
	}
	target := Target{kind: targetText, text: text}
	written, err := target.write()
	if err != nil {
		return Target{}, err
	}
	target.text = written
	return target, nil
}

// Grid restricts a target of [Any] or [All] to one grid.
func (t Target) Grid(gid int64) Target {
	t.onGrid, t.grid = true, gid
	return t
}

// String returns the target in the form of [ParseTarget], like "1:2" or "all,role=cpu@1"; "invalid" for an invalid
// target.
func (t Target) String() string {
	text, err := t.write()
	if err != nil {
		return "invalid"
	}
	return text
}

func (t Target) write() (string, error) {
	ptr, free, err := t.build()
	if err != nil {
		return "", err
	}
	defer free()
	var length C.size_t
	text := C.acclient_target_text(ptr, &length)
	return copied(text, length), nil
}

// isFanout reports whether the command may have several results.
func (t Target) isFanout() bool {
	switch t.kind {
	case targetAll:
		return true
	case targetAgents:
		return slices.ContainsFunc(t.agents, func(agent AgentID) bool { return agent != t.agents[0] })
	case targetText:
		return strings.HasPrefix(t.text, "all") || strings.Contains(t.text, ",") && !strings.HasPrefix(t.text, "any")
	default:
		return false
	}
}

func (t Target) build() (*C.acclient_target, func(), error) {
	return build(t.create, func(ptr *C.acclient_target) { C.acclient_target_free(ptr) }, t.set)
}

func (t Target) create(ptr **C.acclient_target, raw errorOut) status {
	switch t.kind {
	case targetAgent:
		return C.acclient_target_agent(C.int64_t(t.agents[0].GID), C.int64_t(t.agents[0].NID), ptr, raw)
	case targetAny:
		return C.acclient_target_any(ptr, raw)
	case targetAll:
		return C.acclient_target_all(ptr, raw)
	case targetText:
		text := C.CString(t.text)
		defer C.free(unsafe.Pointer(text))
		return C.acclient_target_parse(text, ptr, raw)
	default:
		return C.acclient_target_agents(ptr, raw)
	}
}

func (t Target) set(args *arguments, ptr *C.acclient_target) {
	if t.kind == targetNone {
		args.fail(errInvalid("zero Target: expected one from Agent, Agents, Any, All or ParseTarget"))
	}
	if t.onGrid && t.kind != targetAny && t.kind != targetAll {
		args.fail(errInvalid("invalid Grid of a target: expected a target from Any or All"))
	}
	if t.kind == targetAgents {
		for _, agent := range t.agents {
			args.call(func(raw errorOut) status {
				return C.acclient_target_add_agent(ptr, C.int64_t(agent.GID), C.int64_t(agent.NID), raw)
			})
		}
	}
	for _, role := range t.roles {
		args.add("role", role, func(role *C.char, raw errorOut) status {
			return C.acclient_target_add_role(ptr, role, raw)
		})
	}
	if t.onGrid {
		args.call(func(raw errorOut) status { return C.acclient_target_set_grid(ptr, C.int64_t(t.grid), raw) })
	}
}
