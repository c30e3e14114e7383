package acclient

// #include <acclient.h>
import "C"

import "context"

// Controller is the gateway of a tunnel whose far end is the controller.
const Controller = "controller"

// Tunnel is a tunnel: a connection to the port Local of an agent's machine is forwarded to IP:Remote as seen
// from the gateway.
type Tunnel struct {
	Raw
	// Local is the port that the agent listens on; 0 lets the agent choose one.
	Local uint16 `json:"local"`
	// Gateway is the far end: an agent as "gid.nid", or [Controller].
	Gateway string `json:"gateway"`
	// IP is the IP address to connect to from there.
	IP string `json:"ip"`
	// Remote is the port to connect to.
	Remote uint16 `json:"remote"`

	// chosen is whether the agent chose the port, by which it does not know the tunnel.
	chosen bool
}

// TunnelOpen opens a tunnel from a port of an agent's machine, and returns it with its actual port.
func (c *Client) TunnelOpen(ctx context.Context, agent AgentID, tunnel Tunnel) (Tunnel, error) {
	return c.openTunnel(ctx, tunnel, func(
		call *call, asked *C.acclient_tunnel, opened **C.acclient_tunnel, raw errorOut,
	) status {
		return C.acclient_client_tunnel_open(call.client, C.int64_t(agent.GID), C.int64_t(agent.NID), asked,
			call.ms(), call.cancel, opened, raw)
	})
}

// TunnelClose closes a tunnel: one that [Client.TunnelOpen] returned, or one of [Client.TunnelList]. Closing a
// tunnel that is not open succeeds. An agent goes on listing a tunnel whose port it chose.
func (c *Client) TunnelClose(ctx context.Context, agent AgentID, tunnel Tunnel) error {
	return c.closeTunnel(ctx, tunnel, func(call *call, asked *C.acclient_tunnel, raw errorOut) status {
		return C.acclient_client_tunnel_close(call.client, C.int64_t(agent.GID), C.int64_t(agent.NID), asked,
			call.ms(), call.cancel, raw)
	})
}

// TunnelList lists the tunnels from an agent's machine.
func (c *Client) TunnelList(ctx context.Context, agent AgentID) ([]Tunnel, error) {
	return askAgent(ctx, c, agent, askTunnels, readRows[Tunnel])
}

// ReverseTunnelOpen opens a tunnel from a port of the controller's machine; [ErrUnsupported] where the
// controller does not support it, like the original one.
func (c *Client) ReverseTunnelOpen(ctx context.Context, tunnel Tunnel) (Tunnel, error) {
	return c.openTunnel(ctx, tunnel, func(
		call *call, asked *C.acclient_tunnel, opened **C.acclient_tunnel, raw errorOut,
	) status {
		return C.acclient_client_reverse_tunnel_open(call.client, asked, call.ms(), call.cancel, opened, raw)
	})
}

// ReverseTunnelClose closes a tunnel from a port of the controller's machine.
func (c *Client) ReverseTunnelClose(ctx context.Context, tunnel Tunnel) error {
	return c.closeTunnel(ctx, tunnel, func(call *call, asked *C.acclient_tunnel, raw errorOut) status {
		return C.acclient_client_reverse_tunnel_close(call.client, asked, call.ms(), call.cancel, raw)
	})
}

// ReverseTunnelList lists the tunnels from the controller's machine.
func (c *Client) ReverseTunnelList(ctx context.Context) ([]Tunnel, error) {
	return ask(ctx, c, func(call *call, answer **C.acclient_answer, raw errorOut) status {
		return C.acclient_client_reverse_tunnel_list(call.client, call.ms(), call.cancel, answer, raw)
	}, readRows[Tunnel])
}

func (c *Client) openTunnel(ctx context.Context, tunnel Tunnel, f func(
	call *call, asked *C.acclient_tunnel, opened **C.acclient_tunnel, raw errorOut,
) status) (Tunnel, error) {
	asked, free, err := tunnel.build(tunnel.Local)
	if err != nil {
		return Tunnel{}, err
	}
	defer free()
	var opened *C.acclient_tunnel
	if err := c.do(ctx, func(call *call, raw errorOut) status { return f(call, asked, &opened, raw) }); err != nil {
		return Tunnel{}, err
	}
	defer own(func() { C.acclient_tunnel_free(opened) })()
	result := Tunnel{
		Local:  uint16(C.acclient_tunnel_local(opened)),
		Remote: uint16(C.acclient_tunnel_remote(opened)),
		chosen: tunnel.Local == 0,
	}
	var length C.size_t
	text := C.acclient_tunnel_gateway(opened, &length)
	result.Gateway = copied(text, length)
	text = C.acclient_tunnel_ip(opened, &length)
	result.IP = copied(text, length)
	return result, nil
}

func (c *Client) closeTunnel(
	ctx context.Context, tunnel Tunnel, f func(call *call, asked *C.acclient_tunnel, raw errorOut) status,
) error {
	local := tunnel.Local
	if tunnel.chosen {
		local = 0
	}
	asked, free, err := tunnel.build(local)
	if err != nil {
		return err
	}
	defer free()
	return c.do(ctx, func(call *call, raw errorOut) status { return f(call, asked, raw) })
}

func (t *Tunnel) build(local uint16) (*C.acclient_tunnel, func(), error) {
	var args arguments
	defer args.free()
	gateway, ip := args.text("gateway", t.Gateway), args.text("ip", t.IP)
	if args.err != nil {
		return nil, nil, args.err
	}
	return build(func(ptr **C.acclient_tunnel, raw errorOut) status {
		return C.acclient_tunnel_new(C.uint16_t(local), gateway, ip, C.uint16_t(t.Remote), ptr, raw)
	}, func(ptr *C.acclient_tunnel) { C.acclient_tunnel_free(ptr) }, func(*arguments, *C.acclient_tunnel) {})
}
