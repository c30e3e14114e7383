package acclient

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// within is how long a test waits for an event.
const within = 120 * time.Second

// late is how much later than its deadline a call may end. It tells calls that return from calls that hang, on
// machines of any speed.
const late = 30 * time.Second

func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv("ACCLIENT_URL") == "" {
		// Examples cannot skip themselves.
		flag.Set("test.skip", "^Example")
	}
	os.Exit(m.Run())
}

func gridURL(t testing.TB) string {
	t.Helper()
	where := os.Getenv("ACCLIENT_URL")
	if where == "" {
		t.Skip("ACCLIENT_URL is not set: cargo test --test languages go:: starts a grid and sets it")
	}
	return where
}

// variable returns an environment variable in which cargo test --test languages passes another server.
func variable(t testing.TB, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Skip(name + " is not set: cargo test --test languages go:: sets it")
	}
	return value
}

func ctx(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	t.Cleanup(cancel)
	return ctx
}

func client(t testing.TB) *Client {
	t.Helper()
	client, err := Connect(ctx(t), gridURL(t))
	must(t, err)
	t.Cleanup(func() { client.Close() })
	return client
}

// shellGate is a condition that scripts wait for, in place of a sleep.
type shellGate struct {
	// wait is a shell command that ends when the gate is open.
	wait string
	open func()
}

// newShellGate returns a gate, which opens at the end of the test at the latest.
func newShellGate(t testing.TB) shellGate {
	directory := t.TempDir()
	path := filepath.Join(directory, "open")
	wait := fmt.Sprintf("while [ -d '%s' ] && [ ! -e '%s' ]; do sleep 0.02; done", directory, path)
	return shellGate{wait, func() { must(t, os.WriteFile(path, nil, 0o600)) }}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func got[T any](t testing.TB) func(value T, err error) T {
	return func(value T, err error) T {
		t.Helper()
		must(t, err)
		return value
	}
}

func wants(t testing.TB, err error, kinds ...error) {
	t.Helper()
	for _, kind := range kinds {
		if !errors.Is(err, kind) {
			t.Fatalf("got error %v (%T), want %v", err, err, kind)
		}
	}
	var known *Error
	if !errors.As(err, &known) || known.Message == "" {
		t.Fatalf("%v is not an *Error with a message", err)
	}
}

// natural checks that the message of an error contains no identifier of C or another language.
func natural(t testing.TB, err error) {
	t.Helper()
	if text := err.Error(); text == "" || strings.Contains(text, "acclient_") || strings.Contains(text, "()") ||
		strings.Contains(text, "ACCLIENT_") || strings.Contains(text, "_ms") || strings.Contains(text, "::") {
		t.Fatalf("the message contains an identifier of another language: %q", text)
	}
}

func equal[T comparable](t testing.TB, what string, is, wanted T) {
	t.Helper()
	if is != wanted {
		t.Fatalf("%s: got %v, want %v", what, is, wanted)
	}
}

// withGrowingTime doubles the timeout of an attempt until it succeeds.
func withGrowingTime(t testing.TB, limit time.Duration, attempt func(ctx context.Context) bool) {
	t.Helper()
	for ; ; limit *= 2 {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		done := attempt(ctx)
		cancel()
		if done {
			return
		}
		if limit > within {
			t.Fatalf("failed with a timeout of %v", limit)
		}
	}
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}

// submit submits a request; the command is closed at the end of the test.
func submit(t testing.TB, request *Request) *Command {
	t.Helper()
	command := got[*Command](t)(request.Submit(ctx(t)))
	t.Cleanup(func() { command.Close() })
	return command
}

// running waits until a command runs on its agents, and returns the jobs.
func running(t testing.TB, command *Command) (jobs []*Job) {
	t.Helper()
	eventually(t, "it runs", func() bool {
		var err error
		jobs, err = command.Jobs(ctx(t))
		must(t, err)
		for _, job := range jobs {
			if job.State != StateRunning {
				return false
			}
		}
		return len(jobs) > 0
	})
	// RUNNING is written before the agent runs the job.
	eventually(t, "its agent has it", func() bool {
		stats, err := command.Stats(ctx(t))
		must(t, err)
		for _, outcome := range stats {
			if outcome.Kind != OutcomeDone {
				return false
			}
		}
		return true
	})
	return jobs
}

// kill kills a command on all of its agents.
func kill(t testing.TB, command *Command) {
	t.Helper()
	for _, outcome := range got[[]Outcome[KillResult]](t)(command.Kill(ctx(t))) {
		must(t, outcome.Err)
	}
}

func threads(t testing.TB) int {
	t.Helper()
	return len(got[[]os.DirEntry](t)(os.ReadDir("/proc/self/task")))
}

func descriptors(t testing.TB) int {
	t.Helper()
	return len(got[[]os.DirEntry](t)(os.ReadDir("/proc/self/fd")))
}

func memory(t testing.TB) int {
	t.Helper()
	words := strings.Fields(string(got[[]byte](t)(os.ReadFile("/proc/self/statm"))))
	return got[int](t)(strconv.Atoi(words[1])) * os.Getpagesize()
}

// redisDo sends a command to the Redis of the grid.
func redisDo(t testing.TB, words ...string) {
	t.Helper()
	where := got[*url.URL](t)(url.Parse(gridURL(t)))
	connection := got[net.Conn](t)(net.Dial("tcp", where.Host))
	defer connection.Close()
	fmt.Fprintf(connection, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(connection, "$%d\r\n%s\r\n", len(word), word)
	}
	answer := make([]byte, 512)
	count := got[int](t)(connection.Read(answer))
	if answer[0] == '-' {
		t.Fatalf("error reply from Redis: %s", answer[:count])
	}
}
