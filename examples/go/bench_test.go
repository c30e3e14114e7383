package acclient

import (
	"runtime"
	"testing"
)

func collect() { runtime.GC() }

// BenchmarkStatusName is a call of C that does next to nothing, and a copy of its answer.
func BenchmarkStatusName(b *testing.B) {
	for range b.N {
		_ = ErrTimeout.Error()
	}
}

// BenchmarkTarget makes a C object, reads a text of it, and frees it: three calls.
func BenchmarkTarget(b *testing.B) {
	for range b.N {
		_ = Agent(1, 2).String()
	}
}

// BenchmarkPing is a round trip to Redis, with a context that can be cancelled.
func BenchmarkPing(b *testing.B) {
	c, ctx := client(b), ctx(b)
	for range b.N {
		must(b, c.Ping(ctx))
	}
}

// BenchmarkRefused is all that a call does before C refuses it, and its error.
func BenchmarkRefused(b *testing.B) {
	c, ctx := client(b), ctx(b)
	for range b.N {
		_ = c.PingAgent(ctx, 0, 0)
	}
}
