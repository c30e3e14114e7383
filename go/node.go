package acclient

// #include "acclient.h"
import "C"

import (
	"context"
	"encoding/json"
	"errors"
)

// Raw is the JSON that a value was decoded from, including fields that this version does not know. Fields that the
// agent leaves out, and fields of the wrong type, are zero. Numbers may be written in any form.
type Raw struct {
	// JSON is the text as it was received.
	JSON json.RawMessage `json:"-"`
}

func (r *Raw) keep(text json.RawMessage) { r.JSON = text }

// keeper is a type that embeds [Raw].
type keeper[T any] interface {
	*T
	keep(text json.RawMessage)
}

// CPUInfo is a processor of a machine.
type CPUInfo struct {
	Raw
	CPU        int64   `json:"cpu"`
	VendorID   string  `json:"vendor_id"`
	Family     string  `json:"family"`
	Model      string  `json:"model"`
	Stepping   int64   `json:"stepping"`
	PhysicalID string  `json:"physical_id"`
	CoreID     string  `json:"core_id"`
	Cores      int64   `json:"cores"`
	ModelName  string  `json:"model_name"`
	MHz        float64 `json:"mhz"`
	// CacheSize is in KiB.
	CacheSize int64    `json:"cache_size"`
	Flags     []string `json:"flags"`
}

// DiskInfo is a mounted file system.
type DiskInfo struct {
	Raw
	Device     string `json:"device"`
	Mountpoint string `json:"mountpoint"`
	FSType     string `json:"fstype"`
	// Opts are the options of the mount, separated by commas.
	Opts string `json:"opts"`
}

// MemInfo is memory, in bytes except for the percentage.
type MemInfo struct {
	Raw
	Total       uint64  `json:"total"`
	Available   uint64  `json:"available"`
	Used        uint64  `json:"used"`
	UsedPercent float64 `json:"used_percent"`
	Free        uint64  `json:"free"`
	Active      uint64  `json:"active"`
	Inactive    uint64  `json:"inactive"`
	Buffers     uint64  `json:"buffers"`
	Cached      uint64  `json:"cached"`
	Wired       uint64  `json:"wired"`
	Shared      uint64  `json:"shared"`
}

// NICInfo is a network interface.
type NICInfo struct {
	Raw
	MTU          int64     `json:"mtu"`
	Name         string    `json:"name"`
	HardwareAddr string    `json:"hardwareaddr"`
	Flags        []string  `json:"flags"`
	Addrs        []NICAddr `json:"addrs"`
}

// NICAddr is an address of a network interface, like "192.0.2.2/24".
type NICAddr struct {
	Addr string `json:"addr"`
}

// OSInfo is an operating system.
type OSInfo struct {
	Raw
	Hostname string `json:"hostname"`
	// Uptime is in seconds.
	Uptime uint64 `json:"uptime"`
	// BootTime is in seconds since 1970.
	BootTime uint64 `json:"boot_time"`
	// Procs is 0 on current agents.
	Procs                uint64 `json:"procs"`
	OS                   string `json:"os"`
	Platform             string `json:"platform"`
	PlatformFamily       string `json:"platform_family"`
	PlatformVersion      string `json:"platform_version"`
	VirtualizationSystem string `json:"virtualization_system"`
	VirtualizationRole   string `json:"virtualization_role"`
}

// AgentInfo is an agent that the controller knows.
type AgentInfo struct {
	Raw
	// Agent is the id of the agent.
	Agent AgentID
	// Roles are its roles, for [Any] and [All].
	Roles []string
}

// UnmarshalJSON decodes {"gid": 1, "nid": 2, "roles": [...]}.
func (a *AgentInfo) UnmarshalJSON(text []byte) error {
	var row struct {
		GID   int64    `json:"gid"`
		NID   int64    `json:"nid"`
		Roles []string `json:"roles"`
	}
	err := json.Unmarshal(text, &row)
	a.Agent, a.Roles = AgentID{row.GID, row.NID}, row.Roles
	return err
}

// question is a C request about the machine of an agent.
type question int

const (
	askCPU question = iota
	askDisk
	askMem
	askNIC
	askOS
	askStats
	askTunnels
)

// CPUInfo reads the processors of an agent's machine.
func (c *Client) CPUInfo(ctx context.Context, agent AgentID) ([]CPUInfo, error) {
	return askAgent(ctx, c, agent, askCPU, readRows[CPUInfo])
}

// DiskInfo reads the mounted file systems of an agent's machine.
func (c *Client) DiskInfo(ctx context.Context, agent AgentID) ([]DiskInfo, error) {
	return askAgent(ctx, c, agent, askDisk, readRows[DiskInfo])
}

// MemInfo reads the memory of an agent's machine.
func (c *Client) MemInfo(ctx context.Context, agent AgentID) (*MemInfo, error) {
	return askAgent(ctx, c, agent, askMem, readRow[MemInfo])
}

// NICInfo reads the network interfaces of an agent's machine.
func (c *Client) NICInfo(ctx context.Context, agent AgentID) ([]NICInfo, error) {
	return askAgent(ctx, c, agent, askNIC, readRows[NICInfo])
}

// OSInfo reads the operating system of an agent's machine.
func (c *Client) OSInfo(ctx context.Context, agent AgentID) (*OSInfo, error) {
	return askAgent(ctx, c, agent, askOS, readRow[OSInfo])
}

// AggregatedStats reads the total resource usage of an agent and its jobs.
func (c *Client) AggregatedStats(ctx context.Context, agent AgentID) (*ProcessStats, error) {
	return askAgent(ctx, c, agent, askStats, readRow[ProcessStats])
}

// ListAgents lists the agents that the controller knows, ordered by number. A dead agent stays in the list for 30
// to 45 s. An agent that runs 100 jobs leaves it after 30 s until some jobs end.
func (c *Client) ListAgents(ctx context.Context) ([]AgentInfo, error) {
	return ask(ctx, c, func(call *call, answer **C.acclient_answer, raw errorOut) status {
		return C.acclient_client_list_agents(call.client, call.ms(), call.cancel, answer, raw)
	}, readRows[AgentInfo])
}

func askAgent[T any](
	ctx context.Context, c *Client, agent AgentID, about question, read func(answer *C.acclient_answer) (T, error),
) (T, error) {
	gid, nid := C.int64_t(agent.GID), C.int64_t(agent.NID)
	return ask(ctx, c, func(call *call, answer **C.acclient_answer, raw errorOut) status {
		client, ms, cancel := call.client, call.ms(), call.cancel
		switch about {
		case askCPU:
			return C.acclient_client_get_cpu_info(client, gid, nid, ms, cancel, answer, raw)
		case askDisk:
			return C.acclient_client_get_disk_info(client, gid, nid, ms, cancel, answer, raw)
		case askMem:
			return C.acclient_client_get_mem_info(client, gid, nid, ms, cancel, answer, raw)
		case askNIC:
			return C.acclient_client_get_nic_info(client, gid, nid, ms, cancel, answer, raw)
		case askOS:
			return C.acclient_client_get_os_info(client, gid, nid, ms, cancel, answer, raw)
		case askTunnels:
			return C.acclient_client_tunnel_list(client, gid, nid, ms, cancel, answer, raw)
		default:
			return C.acclient_client_get_aggregated_stats(client, gid, nid, ms, cancel, answer, raw)
		}
	}, read)
}

// ask makes a call that returns an answer, and reads it.
func ask[T any](
	ctx context.Context, c *Client, f func(call *call, answer **C.acclient_answer, raw errorOut) status,
	read func(answer *C.acclient_answer) (T, error),
) (value T, err error) {
	var answer *C.acclient_answer
	if err := c.do(ctx, func(call *call, raw errorOut) status { return f(call, &answer, raw) }); err != nil {
		return value, err
	}
	return takeAnswer(answer, read)
}

// takeAnswer reads an answer and frees it.
func takeAnswer[T any](answer *C.acclient_answer, read func(answer *C.acclient_answer) (T, error)) (T, error) {
	defer own(func() { C.acclient_answer_free(answer) })()
	return read(answer)
}

// answerJSON returns the JSON of an answer, byte for byte.
func answerJSON(answer *C.acclient_answer) json.RawMessage {
	var length C.size_t
	text := C.acclient_answer_json(answer, &length)
	return json.RawMessage(copied(text, length))
}

// readRows decodes the rows of a list: none for null, one for a single object. Rows that are not objects are
// omitted.
func readRows[T any, P keeper[T]](answer *C.acclient_answer) ([]T, error) {
	text := answerJSON(answer)
	var texts []json.RawMessage
	if err := json.Unmarshal(text, &texts); err != nil {
		row, err := readRow[T, P](answer)
		if err != nil {
			return nil, err
		}
		return []T{*row}, nil
	}
	rows := make([]T, 0, len(texts))
	for _, text := range texts {
		if row := new(T); isObject(text) {
			decode(text, row)
			P(row).keep(text)
			rows = append(rows, *row)
		}
	}
	return rows, nil
}

func readRow[T any, P keeper[T]](answer *C.acclient_answer) (*T, error) {
	row, text := new(T), answerJSON(answer)
	if !isObject(text) {
		return nil, errProtocol("an answer", errors.New("expected a JSON object"))
	}
	decode(text, row)
	P(row).keep(text)
	return row, nil
}
