package acclient

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// faults returns the names and URLs of the faulty servers that make bench starts.
func faults(b *testing.B) [][2]string {
	b.Helper()
	list := os.Getenv("ACCLIENT_FAULTS")
	if list == "" {
		b.Skip("ACCLIENT_FAULTS is not set: make bench sets it")
	}
	var found [][2]string
	for _, entry := range strings.Split(list, ";") {
		name, url, _ := strings.Cut(entry, "=")
		found = append(found, [2]string{name, url})
	}
	return found
}

// withoutResult returns a command that has no result.
func withoutResult(b *testing.B, url string) *Command {
	b.Helper()
	var options Options
	options.URL = url
	c := got[*Client](b)(NewClient(options))
	b.Cleanup(func() { c.Close() })
	command := got[*Command](b)(c.GetByHandle("acclient:1:nobody:1:1"))
	b.Cleanup(func() { command.Close() })
	return command
}

func report(b *testing.B, late []time.Duration) {
	b.Helper()
	slices.Sort(late)
	at := func(part int) float64 {
		return float64(late[min(len(late)*part/100, len(late)-1)]) / 1e6
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(at(50), "p50-ms")
	b.ReportMetric(at(99), "p99-ms")
	b.ReportMetric(at(100), "max-ms")
}

// BenchmarkLateDeadline measures how much later than its deadline a wait ends.
func BenchmarkLateDeadline(b *testing.B) {
	const span = 50 * time.Millisecond
	for _, fault := range faults(b) {
		b.Run(fault[0], func(b *testing.B) {
			command := withoutResult(b, fault[1])
			var late []time.Duration
			for range b.N {
				begun := time.Now()
				ctx, cancel := context.WithTimeout(context.Background(), span)
				_, err := command.NextResult(ctx)
				late = append(late, time.Since(begun)-span)
				cancel()
				wants(b, err, ErrTimeout)
			}
			report(b, late)
		})
	}
}

// BenchmarkLateCancel measures how long after its context was cancelled a wait ends.
func BenchmarkLateCancel(b *testing.B) {
	command := withoutResult(b, faults(b)[0][1])
	var late []time.Duration
	for range b.N {
		ctx, cancel := context.WithCancel(context.Background())
		at := make(chan time.Time, 1)
		go func() {
			time.Sleep(2 * time.Millisecond) // so that the call is waiting
			at <- time.Now()
			cancel()
		}()
		_, err := command.NextResult(ctx)
		late = append(late, time.Since(<-at))
		wants(b, err, ErrCancelled)
	}
	report(b, late)
}
