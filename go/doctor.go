package acclient

// #include <acclient.h>
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
	// VerdictUnknown: it could not be found out: Redis does not tell, or the user may not ask.
	VerdictUnknown Verdict = "unknown"
)

// Check is one check of [Client.Doctor].
type Check struct {
	Raw
	// Name is what was checked: "redis", "login", "resp3", "tracking", "scripts", "memory",
	// "eviction", "persistence", "settings" for each that does harm or cannot be read, "queue", "controller",
	// or "agent 1:2". Later versions of the library may check more.
	Name string `json:"name"`
	// Verdict is the result.
	Verdict Verdict `json:"verdict"`
	// Found is what was found.
	Found string `json:"found"`
	// Advice is what to do about it; "" where nothing is to be done.
	Advice string `json:"advice"`
}

// Diagnosis is the result of [Client.Doctor].
type Diagnosis struct {
	// Checks are in the order in which a command depends on them.
	Checks []Check
}

// IsHealthy reports whether nothing is [VerdictBad].
func (d *Diagnosis) IsHealthy() bool {
	return !slices.ContainsFunc(d.Checks, func(check Check) bool { return check.Verdict == VerdictBad })
}

// String returns a line for each check.
func (d *Diagnosis) String() string {
	var lines strings.Builder
	for _, check := range d.Checks {
		fmt.Fprintf(&lines, "%-4s  %-12s %s", check.Verdict, check.Name, check.Found)
		if check.Advice != "" {
			fmt.Fprintf(&lines, ": %s", check.Advice)
		}
		lines.WriteByte('\n')
	}
	return lines.String()
}

// Doctor checks everything that a command depends on: whether Redis can be reached, accepts the login, and what
// it supports; whether it may run out of memory, evict keys or refuse writes; whether a controller drains the
// queue; which agents answer, and how far behind they are. It sends
// the commands "list_agents" and "ping". Problems of the grid are in the diagnosis, and are not errors. If Redis
// may be unreachable, make the client with [NewClient].
func (c *Client) Doctor(ctx context.Context) (*Diagnosis, error) {
	checks, err := ask(ctx, c, func(call *call, answer **C.acclient_answer, raw errorOut) status {
		return C.acclient_client_doctor(call.client, call.ms(), call.cancel, answer, raw)
	}, readRows[Check])
	if err != nil {
		return nil, err
	}
	return &Diagnosis{Checks: checks}, nil
}
