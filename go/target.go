package acclient

// #include <acclient.h>
import "C"

import "slices"

// Target is whom a command is for: one agent, any one agent with some roles, or all agents with them.
type Target struct {
	agent AgentID
	all   bool
	roles []string
	grid  int64
}

// Agent is the agent nid of the grid gid.
func Agent(gid, nid int64) Target {
	return Target{agent: AgentID{gid, nid}}
}

// Target is the agent as a target.
func (a AgentID) Target() Target { return Agent(a.GID, a.NID) }

// Any is one agent that the controller chooses, among those that have all of the roles.
func Any(roles ...string) Target {
	return Target{roles: slices.Clone(roles), agent: AgentID{-1, -1}}
}

// All is every agent that has all of the roles: a fan-out.
func All(roles ...string) Target {
	return Target{roles: slices.Clone(roles), agent: AgentID{-1, -1}, all: true}
}

// Grid narrows [Any] and [All] to the agents of a grid; 0 is all grids.
func (t Target) Grid(gid int64) Target {
	t.grid = gid
	return t
}

// String is the target as it stands in the printed form of a command, like "1:2" or "all,role=cpu";
// "invalid" where it is none.
func (t Target) String() string {
	ptr, free, err := t.build()
	if err != nil {
		return "invalid"
	}
	defer free()
	var length C.size_t
	text := C.acclient_target_printed(ptr, &length)
	return copied(text, length)
}

func (t Target) build() (ptr *C.acclient_target, free func(), err error) {
	var lent lent
	defer lent.free()
	roles, count := lent.names("a role", t.roles)
	if lent.err != nil {
		return nil, nil, lent.err
	}
	err = plain(func(raw **C.acclient_error) C.acclient_status {
		switch {
		case t.agent != AgentID{-1, -1}:
			return C.acclient_target_agent(C.int64_t(t.agent.GID), C.int64_t(t.agent.NID), &ptr, raw)
		case t.all:
			return C.acclient_target_all(roles, count, C.int64_t(t.grid), &ptr, raw)
		default:
			return C.acclient_target_any(roles, count, C.int64_t(t.grid), &ptr, raw)
		}
	})
	if err != nil {
		return nil, nil, err
	}
	return ptr, own(func() { C.acclient_target_free(ptr) }), nil
}
