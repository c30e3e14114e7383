package acclient

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// recorder keeps log records and makes a call for each.
type recorder struct {
	level slog.Level
	mu    sync.Mutex
	kept  []slog.Record
	call  func()
}

func (r *recorder) Enabled(_ context.Context, level slog.Level) bool { return level >= r.level }
func (r *recorder) WithAttrs([]slog.Attr) slog.Handler               { return r }
func (r *recorder) WithGroup(string) slog.Handler                    { return r }

func (r *recorder) Handle(_ context.Context, record slog.Record) error {
	r.mu.Lock()
	r.kept = append(r.kept, record)
	r.mu.Unlock()
	if r.call != nil {
		r.call()
	}
	return nil
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.kept)
}

func TestSetLogger(t *testing.T) {
	defer SetLogger(nil)
	other := client(t)
	everything := &recorder{level: LevelTrace}
	// A handler may use the package; its own calls are not logged.
	everything.call = func() { must(t, other.Ping(ctx(t))) }
	must(t, SetLogger(slog.New(everything)))
	c := client(t)
	command := submit(t, c.Execute(Agent(1, 1), "echo", "secret of the data"))
	got[*Job](t)(command.NextResult(ctx(t)))
	must(t, SetLogger(nil))
	targets := map[string]bool{}
	for _, record := range everything.kept {
		if record.Level > slog.LevelDebug || record.Message == "" || strings.Contains(record.Message, "secret") {
			t.Errorf("%v %q", record.Level, record.Message)
		}
		record.Attrs(func(attr slog.Attr) bool {
			equal(t, "attribute", attr.Key, "target")
			targets[attr.Value.String()] = true
			return true
		})
	}
	if !targets["acclient::connection"] || !targets["acclient::command"] {
		t.Errorf("logged about %v", targets)
	}
	before := everything.count()
	must(t, client(t).Ping(ctx(t)))
	equal(t, "messages after SetLogger(nil)", everything.count(), before)

	quiet := &recorder{level: slog.LevelInfo}
	must(t, SetLogger(slog.New(quiet)))
	must(t, client(t).Ping(ctx(t)))
	equal(t, "messages of normal operation", quiet.count(), 0)

	// From several goroutines, with the text handler.
	var text bytes.Buffer
	must(t, SetLogger(slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))))
	var wait sync.WaitGroup
	for range 8 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			if err := client(t).Ping(ctx(t)); err != nil {
				t.Error(err)
			}
		}()
	}
	wait.Wait()
	must(t, SetLogger(nil))
	if !strings.Contains(text.String(), "level=DEBUG") || strings.Contains(text.String(), "log.go") {
		t.Errorf("%s", text.String())
	}
}

func TestStatistics(t *testing.T) {
	c := client(t)
	got[*Job](t)(c.Cmd(Agent(1, 1), "ping").Run(ctx(t)))
	counted := got[*Statistics](t)(c.Statistics())
	if counted.OpenConnections < 1 || counted.IdleConnections > counted.OpenConnections || counted.Connected < 1 ||
		counted.Pushed != 1 || counted.BlockingWaits < 1 || counted.PollingWaits != 0 {
		t.Errorf("%+v", counted)
	}
	must(t, c.Close())
	_, err := c.Statistics()
	wants(t, err, ErrClosed)
}
