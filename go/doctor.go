package acclient

// #include "acclient.h"
import "C"

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Verdict is the verdict of a check. Later versions of the library may add more.
type Verdict string

// Verdicts of checks.
const (
	// VerdictGood: as it should be.
	VerdictGood Verdict = "good"
	// VerdictWeak: works, but slower or with fewer features than possible.
	VerdictWeak Verdict = "weak"
	// VerdictBad: commands fail because of it.
	VerdictBad Verdict = "bad"
	// VerdictUnknown: could not be determined: Redis does not tell, the user lacks the permission, or time ran out.
	VerdictUnknown Verdict = "unknown"
)

// Check is one check of [Client.Doctor].
type Check struct {
	Raw
	// Name is the subject, unique among the checks: "redis", "login", "resp3", "tracking", "scripts", "memory",
	// "eviction", "persistence", "setting timeout" and "setting min-replicas-to-write" if they are harmful or
	// cannot be read, "queue", "controller", "agent 1:2", ... Later versions of the library may add checks.
	Name string `json:"name"`
	// Verdict is the verdict.
	Verdict Verdict `json:"verdict"`
	// Found is the finding.
	Found string `json:"found"`
	// Advice is what to do; "" if nothing.
	Advice string `json:"advice"`
	// Kind is the error that commands get because of it, such as [ErrTimeout] if something does not answer; 0 if
	// commands need not fail.
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

// Doctor diagnoses everything that a command depends on: whether Redis can be reached, accepts the login, and
// supports what the library uses; whether Redis may run out of memory, evict keys or refuse writes; whether a
// controller drains the queue; which agents answer, and how far behind they are. The times of the controller and
// the agents exclude the round trip to Redis. Problems of the grid are in the diagnosis and are not errors. Use a
// client from [NewClient] if Redis may be unreachable.
//
// Doctor sends the commands "list_agents" and "ping". Those that were not fetched are removed from Redis before it
// returns, even if it is cancelled; their other keys expire within ten seconds.
func (c *Client) Doctor(ctx context.Context) (*Diagnosis, error) {
	checks, err := ask(ctx, c, func(call *call, answer **C.acclient_answer, raw errorOut) status {
		return C.acclient_client_doctor(call.client, call.ms(), call.cancel, answer, raw)
	}, readRows[Check])
	if err != nil {
		return nil, err
	}
	return &Diagnosis{Checks: checks}, nil
}
