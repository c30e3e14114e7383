package acclient

import (
	"encoding/json"
	"testing"
)

func TestInvalidFieldsDoNotHideOthers(t *testing.T) {
	var cpu CPUInfo
	decode(json.RawMessage(`{"cpu":0.0,"mhz":"2400.5","cores":1e999,"flags":["a",5,null],"model":7,"VENDOR_ID":"v"}`), &cpu)
	equal(t, "cpu", cpu.CPU, 0)
	equal(t, "MHz", cpu.MHz, 2400.5)
	equal(t, "cores", cpu.Cores, 0)
	equal(t, "flags", len(cpu.Flags), 3)
	equal(t, "model", cpu.Model, "")
	equal(t, "vendor", cpu.VendorID, "v")

	var mem MemInfo
	decode(json.RawMessage(`{"total":1.6e10,"available":-5,"used":"8000000000","free":18446744073709551615,"cached":{}}`), &mem)
	equal(t, "total", mem.Total, 16_000_000_000)
	equal(t, "available", mem.Available, 0)
	equal(t, "used", mem.Used, 8_000_000_000)
	equal(t, "free", mem.Free, 1<<64-1)

	var nic NICInfo
	decode(json.RawMessage(`{"name":"eth0","mtu":"1500","addrs":[{"addr":"192.0.2.2/24"},5,{"addr":6}]}`), &nic)
	equal(t, "name", nic.Name, "eth0")
	equal(t, "MTU", nic.MTU, 1500)
	equal(t, "addresses", len(nic.Addrs), 2)
	equal(t, "address", nic.Addrs[0].Addr, "192.0.2.2/24")

	var stats ProcessStats
	decode(json.RawMessage(`{"cmd":{"id":"a"},"cpu":"1.5","rss":-1,"vms":2.9,"swap":[],"debug":9}`), &stats)
	equal(t, "cmd", string(stats.Cmd), `{"id":"a"}`)
	equal(t, "CPU", stats.CPU, 1.5)
	equal(t, "RSS", stats.RSS, 0)
	equal(t, "VMS", stats.VMS, 2)

	var entry Scheduled
	decode(json.RawMessage(`{"id":"b","cron":5,"cmd":{"gid":1e999}}`), &entry)
	equal(t, "id", entry.ID, "b")
	equal(t, "cron", entry.Cron, "")
}

func TestOnlyObjectsAreRows(t *testing.T) {
	for text, want := range map[string]bool{`{}`: true, ` {"a":1}`: true, `[]`: false, `5`: false, `null`: false, `{`: false} {
		equal(t, text, isObject(json.RawMessage(text)), want)
	}
}
