package acclient

// #include <acclient.h>
import "C"

import "context"

// Controller is the gateway of a tunnel that comes out at the controller.
const Controller = "controller"

// Tunnel is a tunnel: who connects to the port Local of an agent's machine talks to IP:Remote as the
// gateway sees it.
type Tunnel struct {
	Raw
	// Local is the port that the agent listens on; 0 lets it choose one.
	Local uint16 `json:"local"`
	// Gateway is where it comes out: an agent as "gid.nid", or [Controller].
	Gateway string `json:"gateway"`
	// IP is the address to connect to from there, a number.
	IP string `json:"ip"`
	// Remote is the port to connect to.
	Remote uint16 `json:"remote"`

	// chosen tells that the agent chose the port, by which it does not know the tunnel.
	chosen bool
}

// TunnelOpen opens a tunnel from a port of an agent's machine, and gives it with its real port.
func (c *Client) TunnelOpen(ctx context.Context, gid, nid int64, tunnel Tunnel) (Tunnel, error) {
	return c.openTunnel(ctx, tunnel, func(
		call *call, asked *C.acclient_tunnel, opened **C.acclient_tunnel, raw **C.acclient_error,
	) C.acclient_status {
		return C.acclient_client_tunnel_open(call.client, C.int64_t(gid), C.int64_t(nid), asked, call.ms(),
			call.cancel, opened, raw)
	})
}

// TunnelClose closes a tunnel: the one that [Client.TunnelOpen] gave, or one of [Client.TunnelList].
// One that is not open is no error. An agent goes on listing a tunnel whose port it chose.
func (c *Client) TunnelClose(ctx context.Context, gid, nid int64, tunnel Tunnel) error {
	return c.closeTunnel(ctx, tunnel, func(
		call *call, asked *C.acclient_tunnel, raw **C.acclient_error,
	) C.acclient_status {
		return C.acclient_client_tunnel_close(call.client, C.int64_t(gid), C.int64_t(nid), asked, call.ms(),
			call.cancel, raw)
	})
}

// TunnelList gives the tunnels from an agent's machine.
func (c *Client) TunnelList(ctx context.Context, gid, nid int64) ([]Tunnel, error) {
	return askRows[Tunnel](c, ctx, func(
		call *call, answer **C.acclient_answer, raw **C.acclient_error,
	) C.acclient_status {
		return C.acclient_client_tunnel_list(call.client, C.int64_t(gid), C.int64_t(nid), call.ms(),
			call.cancel, answer, raw)
	})
}

// ReverseTunnelOpen opens a tunnel from a port of the controller's machine; [ErrUnsupported] from a
// controller that does not offer it, like the original one.
func (c *Client) ReverseTunnelOpen(ctx context.Context, tunnel Tunnel) (Tunnel, error) {
	return c.openTunnel(ctx, tunnel, func(
		call *call, asked *C.acclient_tunnel, opened **C.acclient_tunnel, raw **C.acclient_error,
	) C.acclient_status {
		return C.acclient_client_reverse_tunnel_open(call.client, asked, call.ms(), call.cancel, opened, raw)
	})
}

// ReverseTunnelClose closes a tunnel from a port of the controller's machine.
func (c *Client) ReverseTunnelClose(ctx context.Context, tunnel Tunnel) error {
	return c.closeTunnel(ctx, tunnel, func(
		call *call, asked *C.acclient_tunnel, raw **C.acclient_error,
	) C.acclient_status {
		return C.acclient_client_reverse_tunnel_close(call.client, asked, call.ms(), call.cancel, raw)
	})
}

// ReverseTunnelList gives the tunnels from the controller's machine.
func (c *Client) ReverseTunnelList(ctx context.Context) ([]Tunnel, error) {
	return askRows[Tunnel](c, ctx, func(
		call *call, answer **C.acclient_answer, raw **C.acclient_error,
	) C.acclient_status {
		return C.acclient_client_reverse_tunnel_list(call.client, call.ms(), call.cancel, answer, raw)
	})
}

func (c *Client) openTunnel(ctx context.Context, tunnel Tunnel, f func(
	call *call, asked *C.acclient_tunnel, opened **C.acclient_tunnel, raw **C.acclient_error,
) C.acclient_status) (Tunnel, error) {
	asked, free, err := tunnel.build(tunnel.Local)
	if err != nil {
		return Tunnel{}, err
	}
	defer free()
	var opened *C.acclient_tunnel
	err = c.do(ctx, func(call *call, raw **C.acclient_error) C.acclient_status {
		return f(call, asked, &opened, raw)
	})
	if err != nil {
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

func (c *Client) closeTunnel(ctx context.Context, tunnel Tunnel, f func(
	call *call, asked *C.acclient_tunnel, raw **C.acclient_error,
) C.acclient_status) error {
	local := tunnel.Local
	if tunnel.chosen {
		local = 0
	}
	asked, free, err := tunnel.build(local)
	if err != nil {
		return err
	}
	defer free()
	return c.do(ctx, func(call *call, raw **C.acclient_error) C.acclient_status {
		return f(call, asked, raw)
	})
}

func (t *Tunnel) build(local uint16) (ptr *C.acclient_tunnel, free func(), err error) {
	var lent lent
	defer lent.free()
	gateway, ip := lent.name("the gateway", t.Gateway), lent.name("the address", t.IP)
	if lent.err != nil {
		return nil, nil, lent.err
	}
	if err := plain(func(raw **C.acclient_error) C.acclient_status {
		return C.acclient_tunnel_new(C.uint16_t(local), gateway, ip, C.uint16_t(t.Remote), &ptr, raw)
	}); err != nil {
		return nil, nil, err
	}
	return ptr, own(func() { C.acclient_tunnel_free(ptr) }), nil
}
