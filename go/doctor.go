package acclient

// #include "acclient.h"
import "C"

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Verdict is the result of a check. Later versions of the library may add some.
type Verdict string

// Results of checks.
const (
	// VerdictGood: as it should be.
	VerdictGood Verdict = "good"
	// VerdictWeak: it works, but slower or with less than there could be.
	VerdictWeak Verdict = "weak"
	// VerdictBad: commands fail because of it.
	VerdictBad Verdict = "bad"
	// VerdictUnknown: it could not be found out: Redis does not tell, the user may not ask, or the time was too
	// short.
	VerdictUnknown Verdict = "unknown"
)

// Check is one check of [Client.Doctor].
type Check struct {
	Raw
	// Name is what was checked, different in each check: "redis", "login", "resp3", "tracking", "scripts",
	// "memory", "eviction", "persistence", "setting timeout" and "setting min-replicas-to-write" where they do harm
	// or cannot be read, "queue", "controller", or "agent 1:2". Later versions of the library may check more.
	Name string `json:"name"`
	// Verdict is the result.
	Verdict Verdict `json:"verdict"`
	// Found is what was found.
	Found string `json:"found"`
	// Advice is what to do about it; "" where nothing is to be done.
	Advice string `json:"advice"`
	// Kind is the kind of the error that commands meet because of it, such as [ErrTimeout] where something does
	// not answer; 0 where no command has to fail.
	Kind Code `json:"code"`
}

// Diagnosis is the result of [Client.Doctor].
type Diagnosis struct {
	// Checks are in the order in which a command depends on them.
	Checks []Check
}

// IsHealthy reports whether nothing is [VerdictBad], and Redis, the controller and every agent have answered.
func (d *Diagnosis) IsHealthy() bool {
	isBad := func(check Check) bool { return check.Verdict == VerdictBad || check.Kind != 0 }
	return !slices.ContainsFunc(d.Checks, isBad)
}

// String returns a line for each check.
func (d *Diagnosis) String() string {
	width := 0
	for _, check := range d.Checks {
		width = max(width, len(check.Name))
	}
	var lines strings.Builder
	for _, check := range d.Checks {
		fmt.Fprintf(&lines, "%-7s  %-*s  %s", check.Verdict, width, check.Name, check.Found)
		if check.Advice != "" {
			fmt.Fprintf(&lines, ": %s", check.Advice)
		}
		lines.WriteByte('\n')
	}
	return lines.String()
}

// Doctor checks everything that a command depends on: whether Redis can be reached, accepts the login, and what
// it supports; whether it may run out of memory, evict keys or refuse writes; whether a controller drains the
// queue; which agents answer, and how far behind they are. The round trip to Redis is measured first, and left out of
// the times of the controller and of agents. Problems of the grid are in the diagnosis, and are not errors. If Redis
// may be unreachable, make the client with [NewClient].
//
// It sends the commands "list_agents" and "ping". Those that nobody has fetched are removed from Redis at the end, also
// of a call that is cancelled, and their other keys expire within ten seconds.
func (c *Client) Doctor(ctx context.Context) (*Diagnosis, error) {
	checks, err := ask(ctx, c, func(call *call, answer **C.acclient_answer, raw errorOut) status {
		return C.acclient_client_doctor(call.client, call.ms(), call.cancel, answer, raw)
	}, readRows[Check])
	if err != nil {
		return nil, err
	}
	return &Diagnosis{Checks: checks}, nil
}
