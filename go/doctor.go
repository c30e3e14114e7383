package acclient

// #include <acclient.h>
import "C"

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Verdict is how a check turned out. Later versions of the library may add some.
type Verdict string

// How a check turned out.
const (
	// VerdictGood: as it should be.
	VerdictGood Verdict = "good"
	// VerdictWeak: it works, but slower or with less than there could be.
	VerdictWeak Verdict = "weak"
	// VerdictBad: this is what is wrong.
	VerdictBad Verdict = "bad"
)

// Check is one thing that [Client.Doctor] looked at.
type Check struct {
	Raw
	// Name is what was looked at: "redis", "login", "resp3", "tracking", "scripts", "queue",
	// "controller", or "agent 1:2". Later versions of the library may look at more.
	Name string `json:"name"`
	// Verdict is how it turned out.
	Verdict Verdict `json:"verdict"`
	// Found is what was found.
	Found string `json:"found"`
	// Advice is what to do about it; "" where nothing is to be done.
	Advice string `json:"advice"`
}

// Diagnosis is what [Client.Doctor] found.
type Diagnosis struct {
	// Checks are in the order of the way that a command takes.
	Checks []Check
}

// IsHealthy tells whether nothing is [VerdictBad].
func (d *Diagnosis) IsHealthy() bool {
	return !slices.ContainsFunc(d.Checks, func(check Check) bool { return check.Verdict == VerdictBad })
}

// String is a line for each check.
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

// Doctor looks at everything that a command needs on its way, and says what is wrong: whether Redis can
// be reached, takes the login, and what it can do; whether a controller drains the queue; which agents
// answer, and how far behind they are. It sends the commands "list_agents" and "ping". What is wrong
// with the grid is no error. A client of [NewClient] looks at a Redis that cannot be reached.
func (c *Client) Doctor(ctx context.Context) (*Diagnosis, error) {
	checks, err := askRows[Check](c, ctx, func(
		call *call, answer **C.acclient_answer, raw **C.acclient_error,
	) C.acclient_status {
		return C.acclient_client_doctor(call.client, call.ms(), call.cancel, answer, raw)
	})
	if err != nil {
		return nil, err
	}
	return &Diagnosis{Checks: checks}, nil
}
