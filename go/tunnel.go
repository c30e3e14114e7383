package acclient

// #include "acclient.h"
import "C"

import "context"

// Controller is the gateway of a tunnel whose far end is the controller.
const Controller = "controller"

// Tunnel forwards connections to the port Local of an agent's machine to IP:Remote, as seen from the Gateway. These
// four values identify the tunnel in [Client.TunnelOpen], [Client.TunnelList] and [Client.TunnelClose].
//
// An agent lists tunnels without telling which are open. It also lists tunnels that another program failed to open,
// closed tunnels whose port it chose for another program, and all its tunnels while it has no connection to the
// controller.
//
// A restart of the controller ends the connections through all tunnels. About four seconds later, when its
// connection to the controller is re-established, an agent listens again for every tunnel that it lists, closed or
// not. A tunnel opened in the meantime may accept connections and drop them: close it and open it again. Tunnels do
// not survive a restart of their agent. If two programs open or close the same tunnel at the same time, each may
// report the effect of the other.
type Tunnel struct {
	Raw
	// Local is the port that the agent listens on. When opening, 0 selects a free one from 49152 to 65535.
	Local uint16 `json:"local"`
	// Gateway is the far end: an agent as "gid.nid", or [Controller].
	Gateway string `json:"gateway"`
	// IP is the IP address or host name that the gateway connects to; IPv6 without brackets.
	IP string `json:"ip"`
	// Remote is the port that the gateway connects to.
	Remote uint16 `json:"remote"`
}

// ClosedTunnel is the result of closing a tunnel. The agent no longer listens for it.
type ClosedTunnel struct {
	// StillListed is whether the agent still lists the tunnel. The agents of 2016 do so if they chose the port
	// themselves, which only other programs request: they list the tunnel until they restart, and listen on its
	// port again when their connection to the controller is re-established.
	StillListed bool
}

// TunnelOpen opens a tunnel from a port of an agent's machine and returns it with its actual port. On success the
// agent listens on the port; an agent that has just started may first have to connect to the controller. For port
// 0, up to eight random ports from 49152 to 65535 are tried.
//
// TunnelOpen returns [ErrInvalidArgument] also for a remote port of 0, an IP that is neither an IP address nor a
// host name, a gateway that is neither an agent nor the controller, and a tunnel from an agent to itself;
// [ErrTunnelExists] if the agent lists the tunnel, open or not, in which case nothing changed; [ErrJobFailed], with
// the reason, if the agent cannot listen, in which case it does not list the tunnel. After a timeout the agent may
// open the tunnel later.
func (c *Client) TunnelOpen(ctx context.Context, agent AgentID, tunnel Tunnel) (Tunnel, error) {
	return c.openTunnel(ctx, tunnel, func(
		call *call, asked *C.acclient_tunnel, opened **C.acclient_tunnel, raw errorOut,
	) status {
		return C.acclient_client_tunnel_open(call.client, C.int64_t(agent.GID), C.int64_t(agent.NID), asked,
			call.ms(), call.cancel, opened, raw)
	})
}

// TunnelClose closes a tunnel returned by [Client.TunnelOpen] or [Client.TunnelList]. Afterwards the agent does not
// listen for it, and connections through it have ended. Closing a listed tunnel that is already closed succeeds,
// since the agent does not tell the difference.
//
// TunnelClose returns [ErrNoSuchTunnel] if the agent does not list the tunnel. Port 0 matches only a tunnel listed
// with port 0; a tunnel opened by this package is listed with its actual port.
func (c *Client) TunnelClose(ctx context.Context, agent AgentID, tunnel Tunnel) (ClosedTunnel, error) {
	return c.closeTunnel(ctx, tunnel, func(
		call *call, asked *C.acclient_tunnel, stillListed *C.bool, raw errorOut,
	) status {
		return C.acclient_client_tunnel_close(call.client, C.int64_t(agent.GID), C.int64_t(agent.NID), asked,
			stillListed, call.ms(), call.cancel, raw)
	})
}

// TunnelList lists the tunnels of an agent, open or not, in no particular order.
func (c *Client) TunnelList(ctx context.Context, agent AgentID) ([]Tunnel, error) {
	return askAgent(ctx, c, agent, askTunnels, readRows[Tunnel])
}

// ReverseTunnelOpen opens a tunnel from a port of the controller's machine. It returns [ErrUnsupported] if the
// controller does not support it; the original one does not.
func (c *Client) ReverseTunnelOpen(ctx context.Context, tunnel Tunnel) (Tunnel, error) {
	return c.openTunnel(ctx, tunnel, func(
		call *call, asked *C.acclient_tunnel, opened **C.acclient_tunnel, raw errorOut,
	) status {
		return C.acclient_client_reverse_tunnel_open(call.client, asked, call.ms(), call.cancel, opened, raw)
	})
}

// ReverseTunnelClose closes a tunnel from a port of the controller's machine.
func (c *Client) ReverseTunnelClose(ctx context.Context, tunnel Tunnel) (ClosedTunnel, error) {
	return c.closeTunnel(ctx, tunnel, func(
		call *call, asked *C.acclient_tunnel, stillListed *C.bool, raw errorOut,
	) status {
		return C.acclient_client_reverse_tunnel_close(call.client, asked, stillListed, call.ms(), call.cancel, raw)
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
	asked, free, err := tunnel.build()
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
	}
	var length C.size_t
	text := C.acclient_tunnel_gateway(opened, &length)
	result.Gateway = copied(text, length)
	text = C.acclient_tunnel_ip(opened, &length)
	result.IP = copied(text, length)
	return result, nil
}

func (c *Client) closeTunnel(ctx context.Context, tunnel Tunnel, f func(
	call *call, asked *C.acclient_tunnel, stillListed *C.bool, raw errorOut,
) status) (ClosedTunnel, error) {
	asked, free, err := tunnel.build()
	if err != nil {
		return ClosedTunnel{}, err
	}
	defer free()
	var stillListed C.bool
	err = c.do(ctx, func(call *call, raw errorOut) status { return f(call, asked, &stillListed, raw) })
	return ClosedTunnel{StillListed: bool(stillListed)}, err
}

func (t *Tunnel) build() (*C.acclient_tunnel, func(), error) {
	var args arguments
	defer args.free()
	gateway, ip := args.text("gateway", t.Gateway), args.text("ip", t.IP)
	if args.err != nil {
		return nil, nil, args.err
	}
	return build(func(ptr **C.acclient_tunnel, raw errorOut) status {
		return C.acclient_tunnel_new(C.uint16_t(t.Local), gateway, ip, C.uint16_t(t.Remote), ptr, raw)
	}, func(ptr *C.acclient_tunnel) { C.acclient_tunnel_free(ptr) }, func(*arguments, *C.acclient_tunnel) {})
}
