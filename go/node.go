package acclient

// #include <acclient.h>
import "C"

import (
	"context"
	"encoding/json"
)

// Raw keeps the JSON of which a value was read, with fields that this version does not know. Fields
// that an older or newer agent leaves out are zero or empty.
type Raw struct {
	// JSON is what was received.
	JSON json.RawMessage `json:"-"`
}

func (r *Raw) keep(text json.RawMessage) { r.JSON = text }

// keeper is what has a [Raw] in itself.
type keeper[T any] interface {
	*T
	keep(text json.RawMessage)
}

// CPUInfo is a processor.
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

// MemInfo is memory: bytes, except for the percentage.
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
	// Procs is 0 on today's agents.
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
	// Agent is its numbers.
	Agent AgentID `json:"-"`
	GID   int64   `json:"gid"`
	NID   int64   `json:"nid"`
	// Roles are what it can be chosen by.
	Roles []string `json:"roles"`
}

// CPUInfo gives the processors of an agent's machine.
func (c *Client) CPUInfo(ctx context.Context, gid, nid int64) ([]CPUInfo, error) {
	return askRows[CPUInfo](c, ctx, func(
		call *call, answer **C.acclient_answer, raw **C.acclient_error,
	) C.acclient_status {
		return C.acclient_client_get_cpu_info(call.client, C.int64_t(gid), C.int64_t(nid), call.ms(),
			call.cancel, answer, raw)
	})
}

// DiskInfo gives the mounted file systems of an agent's machine.
func (c *Client) DiskInfo(ctx context.Context, gid, nid int64) ([]DiskInfo, error) {
	return askRows[DiskInfo](c, ctx, func(
		call *call, answer **C.acclient_answer, raw **C.acclient_error,
	) C.acclient_status {
		return C.acclient_client_get_disk_info(call.client, C.int64_t(gid), C.int64_t(nid), call.ms(),
			call.cancel, answer, raw)
	})
}

// MemInfo gives the memory of an agent's machine.
func (c *Client) MemInfo(ctx context.Context, gid, nid int64) (*MemInfo, error) {
	return askRow[MemInfo](c, ctx, func(
		call *call, answer **C.acclient_answer, raw **C.acclient_error,
	) C.acclient_status {
		return C.acclient_client_get_mem_info(call.client, C.int64_t(gid), C.int64_t(nid), call.ms(),
			call.cancel, answer, raw)
	})
}

// NICInfo gives the network interfaces of an agent's machine.
func (c *Client) NICInfo(ctx context.Context, gid, nid int64) ([]NICInfo, error) {
	return askRows[NICInfo](c, ctx, func(
		call *call, answer **C.acclient_answer, raw **C.acclient_error,
	) C.acclient_status {
		return C.acclient_client_get_nic_info(call.client, C.int64_t(gid), C.int64_t(nid), call.ms(),
			call.cancel, answer, raw)
	})
}

// OSInfo gives the operating system of an agent's machine.
func (c *Client) OSInfo(ctx context.Context, gid, nid int64) (*OSInfo, error) {
	return askRow[OSInfo](c, ctx, func(
		call *call, answer **C.acclient_answer, raw **C.acclient_error,
	) C.acclient_status {
		return C.acclient_client_get_os_info(call.client, C.int64_t(gid), C.int64_t(nid), call.ms(),
			call.cancel, answer, raw)
	})
}

// AggregatedStats tells what an agent and all its jobs use together.
func (c *Client) AggregatedStats(ctx context.Context, gid, nid int64) (*ProcessStats, error) {
	return askRow[ProcessStats](c, ctx, func(
		call *call, answer **C.acclient_answer, raw **C.acclient_error,
	) C.acclient_status {
		return C.acclient_client_get_aggregated_stats(call.client, C.int64_t(gid), C.int64_t(nid), call.ms(),
			call.cancel, answer, raw)
	})
}

// ListAgents gives the agents that the controller knows at this moment, in their order. A dead one
// stays in the list for up to 30 s.
func (c *Client) ListAgents(ctx context.Context) ([]AgentInfo, error) {
	agents, err := askRows[AgentInfo](c, ctx, func(
		call *call, answer **C.acclient_answer, raw **C.acclient_error,
	) C.acclient_status {
		return C.acclient_client_list_agents(call.client, call.ms(), call.cancel, answer, raw)
	})
	for index := range agents {
		agents[index].Agent = AgentID{agents[index].GID, agents[index].NID}
	}
	return agents, err
}

func ask(
	c *Client, ctx context.Context,
	f func(call *call, answer **C.acclient_answer, raw **C.acclient_error) C.acclient_status,
) (answer *C.acclient_answer, free func(), err error) {
	err = c.do(ctx, func(call *call, raw **C.acclient_error) C.acclient_status {
		return f(call, &answer, raw)
	})
	if err != nil {
		return nil, nil, err
	}
	return answer, own(func() { C.acclient_answer_free(answer) }), nil
}

func askRows[T any, P keeper[T]](
	c *Client, ctx context.Context,
	f func(call *call, answer **C.acclient_answer, raw **C.acclient_error) C.acclient_status,
) ([]T, error) {
	answer, free, err := ask(c, ctx, f)
	if err != nil {
		return nil, err
	}
	defer free()
	return readRows[T, P](answer)
}

func askRow[T any, P keeper[T]](
	c *Client, ctx context.Context,
	f func(call *call, answer **C.acclient_answer, raw **C.acclient_error) C.acclient_status,
) (*T, error) {
	answer, free, err := ask(c, ctx, f)
	if err != nil {
		return nil, err
	}
	defer free()
	return readRow[T, P](answer)
}

// answerJSON is the JSON of an answer, letter for letter.
func answerJSON(answer *C.acclient_answer) json.RawMessage {
	var length C.size_t
	text := C.acclient_answer_json(answer, &length)
	return json.RawMessage(copied(text, length))
}

func readRows[T any, P keeper[T]](answer *C.acclient_answer) ([]T, error) {
	var texts []json.RawMessage
	if err := json.Unmarshal(answerJSON(answer), &texts); err != nil {
		return nil, errProtocol("an answer", err)
	}
	rows := make([]T, len(texts))
	for index, text := range texts {
		if err := json.Unmarshal(text, &rows[index]); err != nil {
			return nil, errProtocol("an answer", err)
		}
		P(&rows[index]).keep(text)
	}
	return rows, nil
}

func readRow[T any, P keeper[T]](answer *C.acclient_answer) (*T, error) {
	row, text := new(T), answerJSON(answer)
	if err := json.Unmarshal(text, row); err != nil {
		return nil, errProtocol("an answer", err)
	}
	P(row).keep(text)
	return row, nil
}
