package acclient

import (
	"context"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestVersion(t *testing.T) {
	if parts := strings.Split(Version(), "."); len(parts) != 3 {
		t.Fatalf("the version is %q", Version())
	}
	must(t, CheckVersion())
	wants(t, checkVersion(99, 0, 0), ErrUnsupported)
	equal(t, "the name of a kind", ErrNoSuchAgent.Error(), "no such agent")
	equal(t, "the name of an unknown kind", Code(4711).Error(), "unknown status")
}

// The time until a deadline in the year 9999 is the maximum Duration.
func TestMillisecondsRoundUpWithoutOverflow(t *testing.T) {
	for span, want := range map[time.Duration]int64{
		math.MinInt64:                       1,
		0:                                   1,
		1:                                   1,
		time.Millisecond:                    1,
		time.Millisecond + 1:                2,
		math.MaxInt64:                       math.MaxInt64/int64(time.Millisecond) + 1,
		1000 * time.Second:                  1000_000,
		1000*time.Second + time.Duration(1): 1000_001,
	} {
		equal(t, span.String(), int64(milliseconds(span)), want)
	}
	far, cancel := context.WithDeadline(ctx(t), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC))
	defer cancel()
	must(t, client(t).Ping(far))
}

func TestConnect(t *testing.T) {
	c := client(t)
	must(t, c.Ping(ctx(t)))
	must(t, c.PingAgent(ctx(t), AgentID{1, 1}))
	wants(t, c.PingAgent(ctx(t), AgentID{9, 9}), ErrNoSuchAgent)
	wants(t, c.PingAgent(ctx(t), AgentID{0, 1}), ErrInvalidArgument)
	must(t, c.Close())
	must(t, c.Close())
	wants(t, c.Ping(ctx(t)), ErrClosed)
	_, err := c.Cmd(Agent(1, 1), "ping").Submit(ctx(t))
	wants(t, err, ErrClosed)
	_, err = c.GetByID("x")
	wants(t, err, ErrClosed)

	for text, kind := range map[string]error{
		"http://localhost":     ErrInvalidArgument,
		"redis://127.0.0.1:1":  ErrConnect,
		"rediss://127.0.0.1:1": ErrConnect,
		"redis://\x00":         ErrInvalidArgument,
		"redis://\xff":         ErrInvalidArgument,
	} {
		_, err := Connect(ctx(t), text)
		wants(t, err, kind)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = Connect(done, gridURL(t))
	wants(t, err, ErrCancelled, context.Canceled)
}

func TestOpen(t *testing.T) {
	where := got[*url.URL](t)(url.Parse(gridURL(t)))
	port := got[int](t)(strconv.Atoi(where.Port()))
	c := got[*Client](t)(Open(ctx(t), Options{
		Host: where.Hostname(), Port: uint16(port), MaxConnections: 2, MaxReply: 1 << 20,
	}))
	defer c.Close()
	must(t, c.Ping(ctx(t)))
	equal(t, "slots", cap(c.slots), 2)

	// Each option has an effect on the server or the library.
	byURL := got[*Client](t)(Open(ctx(t), Options{URL: gridURL(t)}))
	must(t, byURL.Close())
	_, err := Open(ctx(t), Options{URL: gridURL(t), DB: 4711})
	wants(t, err, ErrServer)
	equal(t, "server code", err.(*Error).ServerCode(), "ERR")
	_, err = Open(ctx(t), Options{URL: gridURL(t), User: "nobody", Password: "sesame"})
	wants(t, err, ErrAuthentication)
	if strings.Contains(err.Error(), "sesame") {
		t.Fatalf("the error contains the password: %q", err)
	}
	_, err = Open(ctx(t), Options{UnixSocket: "/no/such/socket"})
	wants(t, err, ErrConnect)
	equal(t, "server code", err.(*Error).ServerCode(), "")
	if !strings.Contains(err.Error(), "/no/such/socket") {
		t.Fatalf("the error does not name the socket: %q", err)
	}
	_, err = Open(ctx(t), Options{MaxConnections: 10001})
	wants(t, err, ErrInvalidArgument)
	_, err = Open(ctx(t), Options{Host: "a\x00b"})
	wants(t, err, ErrInvalidArgument)
	small := got[*Client](t)(Open(ctx(t), Options{URL: gridURL(t), MaxReply: 65536}))
	defer small.Close()
	_, err = small.Execute(Agent(1, 1), "head", "-c", "200000", "/dev/zero").Run(ctx(t))
	wants(t, err, ErrProtocol)
}

func TestInstance(t *testing.T) {
	file := filepath.Join(t.TempDir(), "instances.toml")
	must(t, os.WriteFile(file, []byte("[main]\nurl = \""+gridURL(t)+"\"\n"), 0o600))
	t.Setenv("ACCLIENT_CONFIG", file)
	c := got[*Client](t)(Instance(ctx(t), "main"))
	defer c.Close()
	must(t, c.Ping(ctx(t)))
	_, err := Instance(ctx(t), "other")
	wants(t, err, ErrInvalidArgument)
}

func TestTarget(t *testing.T) {
	for wanted, target := range map[string]Target{
		"1:2":            Agent(1, 2),
		"2:1":            AgentID{2, 1}.Target(),
		"1:3":            Agents(AgentID{1, 3}),
		"1:2,2:1":        Agents(AgentID{2, 1}, AgentID{1, 2}, AgentID{2, 1}),
		"any":            Any(),
		"any,role=a,b":   Any("a", "b"),
		"all,role=cpu@3": All("cpu").Grid(3),
	} {
		equal(t, "text", target.String(), wanted)
		parsed := got[Target](t)(ParseTarget(wanted))
		equal(t, "parsed", parsed.String(), wanted)
		equal(t, wanted+" is for several", parsed.isFanout(), target.isFanout())
	}
	equal(t, "several", got[Target](t)(ParseTarget("role=cpu,storage@1")).String(), "all,role=cpu,storage@1")
	for _, wrong := range []Target{
		{}, Agent(0, -2), AgentID{}.Target(), Agents(AgentID{1, 0}), Any(""), All("a\x00"), All().Grid(0),
		Agent(1, 1).Grid(1), Agents().Grid(1),
	} {
		equal(t, "text", wrong.String(), "invalid")
		_, err := client(t).Cmd(wrong, "ping").Submit(ctx(t))
		wants(t, err, ErrInvalidArgument)
		natural(t, err)
	}
	for _, wrong := range []string{"", "1", "1:0", "all,", "role=", "any@0", "1:2@1", "a\x00", "\xff"} {
		_, err := ParseTarget(wrong)
		wants(t, err, ErrInvalidArgument)
		natural(t, err)
	}
	c := client(t)
	_, err := c.Cmd(Any("a\x00"), "ping").Submit(ctx(t))
	wants(t, err, ErrInvalidArgument)
}

func TestRunArgs(t *testing.T) {
	all := RunArgs{
		Domain: "d", Name: "n", LogLevels: "1,2", LogLevelsDB: "2-9", LogLevelsAC: LevelsOfAgent,
		Queue: "q", WorkingDir: "/tmp", MaxTime: 7 * time.Second, MaxRestart: 3,
		RecurringPeriod: 11 * time.Second, StatsInterval: 13 * time.Millisecond,
		Args: []string{"x", "y"}, Env: map[string]string{"A": "1"},
	}
	text := string(got[[]byte](t)(func() ([]byte, error) { return all.JSON() }()))
	for _, part := range []string{
		`"domain":"d"`, `"name":"n"`, `"loglevels":"1,2"`, `"loglevels_db":"2-9"`, `"loglevels_ac":""`,
		`"queue":"q"`, `"working_dir":"/tmp"`, `"max_time":7`, `"max_restart":3`, `"recurring_period":11`,
		`"stats_interval":13`, `"args":["x","y"]`, `A=1`,
	} {
		if !strings.Contains(text, part) {
			t.Errorf("missing %s in %s", part, text)
		}
	}
	other := RunArgs{Name: "m", MaxTime: -time.Second, Args: []string{"z"}, Env: map[string]string{"B": "2"}}
	byC := string(got[[]byte](t)(func() ([]byte, error) { return all.JSON(other) }()))
	byGo := string(got[[]byte](t)(func() ([]byte, error) { return all.Merge(other).JSON() }()))
	equal(t, "merged", byGo, byC)
	if !strings.Contains(byC, `"max_time":-1`) || !strings.Contains(byC, `"queue":"q"`) {
		t.Errorf("merged is %s", byC)
	}
	for _, wrong := range []RunArgs{
		{MaxTime: time.Millisecond}, {Domain: "a\x00"}, {LogLevels: "x"}, {Env: map[string]string{"": "1"}},
		{Args: []string{"\xff"}},
	} {
		_, err := wrong.JSON()
		wants(t, err, ErrInvalidArgument)
		c := client(t)
		_, err = (&Request{client: c, target: Agent(1, 1), name: "ping", RunArgs: wrong}).Submit(ctx(t))
		wants(t, err, ErrInvalidArgument)
	}
}
