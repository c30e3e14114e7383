package acclient

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
)

func TestNode(t *testing.T) {
	c := client(t)
	cpus := got[[]CPUInfo](t)(c.CPUInfo(ctx(t), AgentID{1, 1}))
	equal(t, "processors", len(cpus) > 0 && len(cpus[0].JSON) > 0, true)
	disks := got[[]DiskInfo](t)(c.DiskInfo(ctx(t), AgentID{1, 1}))
	equal(t, "disks", len(disks) > 0 && disks[0].Mountpoint != "" && disks[0].FSType != "", true)
	memory := got[*MemInfo](t)(c.MemInfo(ctx(t), AgentID{1, 1}))
	equal(t, "memory", memory.Total > 0 && memory.Total >= memory.Free, true)
	nics := got[[]NICInfo](t)(c.NICInfo(ctx(t), AgentID{1, 1}))
	equal(t, "interfaces", len(nics) > 0 && nics[0].Name != "", true)
	system := got[*OSInfo](t)(c.OSInfo(ctx(t), AgentID{1, 1}))
	equal(t, "system", system.OS == "linux" && system.Hostname != "" && len(system.JSON) > 0, true)
	stats := got[*ProcessStats](t)(c.AggregatedStats(ctx(t), AgentID{1, 1}))
	equal(t, "stats", stats.RSS > 0, true)
	agents := got[[]AgentInfo](t)(c.ListAgents(ctx(t)))
	equal(t, "agents", len(agents), 3)
	equal(t, "the last", agents[2].Agent, AgentID{2, 1})
	equal(t, "its roles", strings.Join(agents[2].Roles, ","), "cpu,storage")

	_, err := c.CPUInfo(ctx(t), AgentID{7, 7})
	wants(t, err, ErrNoSuchAgent)
	_, err = c.DiskInfo(ctx(t), AgentID{7, 7})
	wants(t, err, ErrNoSuchAgent)
	_, err = c.MemInfo(ctx(t), AgentID{-1, 1})
	wants(t, err, ErrInvalidArgument)
	_, err = c.NICInfo(ctx(t), AgentID{7, 7})
	wants(t, err, ErrNoSuchAgent)
	_, err = c.OSInfo(ctx(t), AgentID{7, 7})
	wants(t, err, ErrNoSuchAgent)
	_, err = c.AggregatedStats(ctx(t), AgentID{7, 7})
	wants(t, err, ErrNoSuchAgent)
	must(t, c.Close())
	_, err = c.ListAgents(ctx(t))
	wants(t, err, ErrClosed)
}

func TestResolve(t *testing.T) {
	c := client(t)
	some := got[Target](t)(c.Resolve(ctx(t), "1:1-9 or role=storage and not 1:*"))
	equal(t, "agents", some.String(), "1:1,1:2,2:1")
	roles := got[Target](t)(c.Resolve(ctx(t), "role=cpu and role=storage"))
	equal(t, "roles", roles.String(), "all,role=cpu,storage")
	agents := got[[]AgentInfo](t)(c.MatchingAgents(ctx(t), roles))
	equal(t, "how many", len(agents), 1)
	equal(t, "which", agents[0].Agent, AgentID{2, 1})
	waiting := got[map[AgentID]uint64](t)(c.WaitingCommands(ctx(t), AgentID{1, 1}, AgentID{2, 1}))
	equal(t, "waiting", fmt.Sprint(waiting), "map[1:1:0 2:1:0]")
	_, err := c.Resolve(ctx(t), "7:1-5")
	wants(t, err, ErrNoSuchAgent)
	_, err = c.Resolve(ctx(t), "1:1 and")
	wants(t, err, ErrInvalidArgument)
	_, err = c.Resolve(ctx(t), "1:1\x00")
	wants(t, err, ErrInvalidArgument)
	_, err = c.MatchingAgents(ctx(t), Target{})
	wants(t, err, ErrInvalidArgument)
	_, err = c.WaitingCommands(ctx(t))
	wants(t, err, ErrInvalidArgument)
	_, err = c.WaitingCommands(ctx(t), AgentID{0, 1})
	wants(t, err, ErrInvalidArgument)
}

func TestProcesses(t *testing.T) {
	c := client(t)
	request := c.Execute(Agent(1, 1), "sleep", "600")
	request.RunArgs.Domain = "go-processes"
	command := submit(t, request)
	running(t, command)
	query := ProcessQuery{Domain: "go-processes", Name: "sleep"}
	processes := got[[]ProcessStats](t)(c.Processes(ctx(t), AgentID{1, 1}, query))
	equal(t, "how many", len(processes), 1)
	equal(t, "which", strings.Contains(string(processes[0].Cmd), command.ID()), true)
	found := 0
	all := got[[]Outcome[[]ProcessStats]](t)(c.AllProcesses(ctx(t), query))
	for _, outcome := range all {
		equal(t, "kind", outcome.Kind, OutcomeDone)
		found += len(outcome.Answer)
	}
	equal(t, "agents and processes", [2]int{len(all), found}, [2]int{3, 1})
	equal(t, "everything", len(got[[]ProcessStats](t)(c.Processes(ctx(t), AgentID{1, 1}, ProcessQuery{}))) > 1, true)
	kill(t, command)
	_, err := c.Processes(ctx(t), AgentID{7, 7}, ProcessQuery{})
	wants(t, err, ErrNoSuchAgent)
	_, err = c.AllProcesses(ctx(t), ProcessQuery{Name: "\x00"})
	wants(t, err, ErrInvalidArgument)
}

func TestSchedule(t *testing.T) {
	c := client(t)
	must(t, c.ScheduleAdd(ctx(t), "go.b", "@every 1h", c.Cmd(Agent(1, 1), "ping")))
	must(t, c.ScheduleAdd(ctx(t), "go.a", "0 30 3 * * *", c.Bash(All("cpu"), "true")))
	listed := got[[]Scheduled](t)(c.ScheduleList(ctx(t)))
	equal(t, "how many", len(listed), 2)
	equal(t, "the first", listed[0].ID+" "+listed[0].Cron, "go.a 0 30 3 * * *")
	equal(t, "its command", strings.Contains(string(listed[0].Cmd), `"cpu"`), true)
	equal(t, "removed", got[bool](t)(c.ScheduleRemove(ctx(t), "go.a")), true)
	equal(t, "removed", got[bool](t)(c.ScheduleRemove(ctx(t), "go.a")), false)
	must(t, c.ScheduleRemovePrefix(ctx(t), "go."))
	equal(t, "how many", len(got[[]Scheduled](t)(c.ScheduleList(ctx(t)))), 0)
	wants(t, c.ScheduleAdd(ctx(t), "a", "* *", c.Cmd(Agent(1, 1), "ping")), ErrInvalidArgument)
	wants(t, c.ScheduleAdd(ctx(t), "a\x00", "@hourly", c.Cmd(Agent(1, 1), "ping")), ErrInvalidArgument)
	_, err := c.ScheduleRemove(ctx(t), "\x00")
	wants(t, err, ErrInvalidArgument)
}

// The request would make the controller exit when its command is due.
func TestScheduleByCmd(t *testing.T) {
	c := client(t)
	request := c.Cmd(Agent(1, 1), "controller")
	request.RunArgs.Name = "scheduler_add"
	request.Data = `{"cron": "@hourly", "cmd": {"cmd": "ping", "args": {"max_time": 1.5}}}`
	_, err := request.Run(ctx(t))
	wants(t, err, ErrInvalidArgument)
	natural(t, err)
	equal(t, "the field is named", strings.Contains(err.Error(), "invalid cmd.args.max_time in a schedule entry"), true)
	equal(t, "how many", len(got[[]Scheduled](t)(c.ScheduleList(ctx(t)))), 0)
}

// The grid keeps a history, as controllers before 2016 did.
func TestHistory(t *testing.T) {
	c := client(t)
	for _, tags := range []string{"one", "two"} {
		request := c.Execute(Agent(1, 1), "true")
		request.Tags = tags
		must(t, submit(t, request).Close())
	}
	eventually(t, "the controller has them", func() bool {
		past := got[[]*Command](t)(c.Cmds(ctx(t), 0, 2))
		defer func() {
			for _, command := range past {
				command.Close()
			}
		}()
		return len(past) == 2 && past[0].Tags() == "two" && past[1].Tags() == "one" && past[0].Cmd() == "execute"
	})
	past := got[[]*Command](t)(c.Cmds(ctx(t), 1, 1))
	equal(t, "jobs", len(past), 1)
	equal(t, "state", got[*Job](t)(past[0].NextResult(ctx(t))).State, StateSuccess)
	must(t, past[0].Close())
	equal(t, "beyond", len(got[[]*Command](t)(c.Cmds(ctx(t), 1000000, 5))), 0)
	_, err := c.Cmds(ctx(t), 0, 0)
	wants(t, err, ErrInvalidArgument)
	_, err = c.Cmds(ctx(t), -1, 1)
	wants(t, err, ErrInvalidArgument)
	redisDo(t, "LPUSH", "joblog", "not json")
	defer redisDo(t, "LPOP", "joblog")
	_, err = c.Cmds(ctx(t), 0, 1)
	wants(t, err, ErrProtocol)
}

// echo starts an echo server and returns its port.
func echo(t *testing.T) uint16 {
	listener := got[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				buffer := make([]byte, 5)
				count, _ := connection.Read(buffer)
				connection.Write(buffer[:count])
			}()
		}
	}()
	return uint16(listener.Addr().(*net.TCPAddr).Port)
}

func passes(port uint16) bool {
	address := net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)}
	connection, err := net.DialTCP("tcp", nil, &address)
	if err != nil {
		return false
	}
	defer connection.Close()
	connection.Write([]byte("hello"))
	answer := make([]byte, 5)
	count, _ := connection.Read(answer)
	return string(answer[:count]) == "hello"
}

func TestTunnel(t *testing.T) {
	c := client(t)
	asked := Tunnel{Gateway: "2.1", IP: "127.0.0.1", Remote: echo(t)}
	opened := got[Tunnel](t)(c.TunnelOpen(ctx(t), AgentID{1, 1}, asked))
	equal(t, "remote", opened.Remote, asked.Remote)
	equal(t, "where", opened.Gateway+" "+opened.IP, "2.1 127.0.0.1")
	equal(t, "it carries", opened.Local > 0 && passes(opened.Local), true)
	_, err := c.TunnelOpen(ctx(t), AgentID{1, 1}, opened)
	wants(t, err, ErrTunnelExists)
	_, err = c.TunnelClose(ctx(t), AgentID{1, 1}, asked)
	wants(t, err, ErrNoSuchTunnel)
	equal(t, "it carries", passes(opened.Local), true)
	closed := got[ClosedTunnel](t)(c.TunnelClose(ctx(t), AgentID{1, 1}, listed(t, c, opened.Local)[0]))
	equal(t, "still listed", closed.StillListed || len(listed(t, c, opened.Local)) > 0, false)
	equal(t, "it carries", passes(opened.Local), false)
	_, err = c.TunnelClose(ctx(t), AgentID{1, 1}, opened)
	wants(t, err, ErrNoSuchTunnel)
}

// listed returns the listed tunnels on a port.
func listed(t *testing.T, c *Client, local uint16) (found []Tunnel) {
	for _, tunnel := range got[[]Tunnel](t)(c.TunnelList(ctx(t), AgentID{1, 1})) {
		if tunnel.Local == local {
			found = append(found, tunnel)
		}
	}
	return found
}

func TestTunnelWhosePortTheAgentChose(t *testing.T) {
	c := client(t)
	request := c.Cmd(Agent(1, 1), "hubble_open_tunnel")
	request.Data = fmt.Sprintf(`{"local":0,"gateway":"2.1","ip":"127.0.0.1","remote":%d}`, echo(t))
	job := got[*Job](t)(request.Run(ctx(t)))
	var opened Tunnel
	must(t, json.Unmarshal([]byte(job.Data), &opened))
	equal(t, "it carries", passes(opened.Local), true)
	closed := got[ClosedTunnel](t)(c.TunnelClose(ctx(t), AgentID{1, 1}, listed(t, c, opened.Local)[0]))
	equal(t, "still listed", closed.StillListed && len(listed(t, c, opened.Local)) == 1, true)
	equal(t, "it carries", passes(opened.Local), false)
}

func TestTunnelsThatCannotBeOpened(t *testing.T) {
	c := client(t)
	taken := echo(t)
	for range 2 {
		_, err := c.TunnelOpen(ctx(t), AgentID{1, 1}, Tunnel{Local: taken, Gateway: "2.1", IP: "127.0.0.1", Remote: 1})
		wants(t, err, ErrJobFailed)
		equal(t, "the reason is given", strings.HasSuffix(err.Error(), "the port is in use"), true)
		equal(t, "listed", len(listed(t, c, taken)), 0)
	}
	for _, wrong := range []Tunnel{
		{Gateway: "1.1", IP: "127.0.0.1", Remote: 1},
		{Gateway: "nowhere", IP: "127.0.0.1", Remote: 1},
		{Gateway: "2.1", IP: "1.2.3", Remote: 1},
		{Gateway: "2.1", IP: "127.0.0.1"},
	} {
		_, err := c.TunnelOpen(ctx(t), AgentID{1, 1}, wrong)
		wants(t, err, ErrInvalidArgument)
	}
	_, err := c.TunnelList(ctx(t), AgentID{7, 7})
	wants(t, err, ErrNoSuchAgent)
}

func TestReverseTunnelsAreUnsupported(t *testing.T) {
	c := client(t)
	asked := Tunnel{Gateway: "1.1", IP: "127.0.0.1", Remote: 1}
	_, err := c.ReverseTunnelOpen(ctx(t), asked)
	wants(t, err, ErrUnsupported)
	_, err = c.ReverseTunnelClose(ctx(t), asked)
	wants(t, err, ErrUnsupported)
	_, err = c.ReverseTunnelList(ctx(t))
	wants(t, err, ErrUnsupported)
}
