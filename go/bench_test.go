package acclient

import (
	"io"
	"runtime"
	"testing"
)

func collect() { runtime.GC() }

// BenchmarkStatusName is a C call that only returns a name, and a copy of the name.
func BenchmarkStatusName(b *testing.B) {
	for range b.N {
		_ = StageDone.String()
	}
}

// BenchmarkTarget creates a C object, reads a text from it, and frees it: three calls.
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

// BenchmarkAnswered is a complete call that may block, with a context that can be cancelled. C returns at once,
// since all results were returned.
func BenchmarkAnswered(b *testing.B) {
	c, ctx := client(b), ctx(b)
	redisDo(b, "RPUSH", "cmd.answered.1.1", `{"id":"answered","gid":1,"nid":1,"state":"SUCCESS"}`)
	command := got[*Command](b)(c.GetByHandle("acclient:1:answered:1:1"))
	b.Cleanup(func() { command.Close() })
	got[*Job](b)(command.NextResult(ctx))
	b.ResetTimer()
	for range b.N {
		if job, err := command.NextResult(ctx); job != nil || err != io.EOF {
			b.Fatal(job, err)
		}
	}
}

// BenchmarkRefused is a call that fails because of an invalid argument.
func BenchmarkRefused(b *testing.B) {
	c, ctx := client(b), ctx(b)
	for range b.N {
		_ = c.PingAgent(ctx, AgentID{0, 0})
	}
}
