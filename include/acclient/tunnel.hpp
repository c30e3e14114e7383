/// tunnel and closed_tunnel: part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_TUNNEL_HPP
#define ACCLIENT_TUNNEL_HPP

#include "request.hpp"

namespace acclient {
inline namespace v0_1 {

/// Tunnel: forwards connections to the port local() of an agent's machine to ip():remote(), as seen
/// from the gateway(). These four values identify the tunnel in client::tunnel_open(),
/// client::tunnel_list() and client::tunnel_close(). It stays open when the object is destroyed.
///
/// An agent lists tunnels without telling which are open. It also lists tunnels that another
/// program failed to open, closed tunnels whose port it chose for another program, and all its
/// tunnels while it has no connection to the controller.
///
/// A restart of the controller ends the connections through all tunnels. About four seconds later,
/// when its connection to the controller is re-established, an agent listens again for every tunnel
/// that it lists, closed or not. A tunnel opened in the meantime may accept connections and drop
/// them: close it and open it again. Tunnels do not survive a restart of their agent. If two
/// programs open or close the same tunnel at the same time, each may report the effect of the
/// other.
class ACCLIENT_OWNER tunnel : public detail::built {
  public:
    using c_type = acclient_tunnel;

    /// An empty tunnel.
    tunnel() noexcept = default;
    /// Takes ownership of a C handle.
    explicit tunnel(acclient_tunnel *handle) noexcept : handle_(handle) {
    }
    /// Creates a tunnel to be opened or closed; client::tunnel_open() validates the values. local:
    /// the port that the agent listens on; 0 selects a free one from 49152 to 65535. gateway: the
    /// far end, an agent as "gid.nid" or "controller". ip, remote: IP address or host name, and
    /// port, that the gateway connects to.
    tunnel(std::uint16_t local, std::string_view gateway, std::string_view ip,
           std::uint16_t remote) {
        acclient_tunnel *made = nullptr;
        step({gateway, ip}, acclient_tunnel_new, local, std::string(gateway).c_str(),
             std::string(ip).c_str(), remote, &made);
        handle_.reset(made);
    }

    /// Returns the port that the agent listens on; the actual port for a tunnel of
    /// client::tunnel_open().
    std::uint16_t local() const noexcept {
        return acclient_tunnel_local(get());
    }
    /// Returns the far end: "gid.nid" or "controller".
    std::string_view gateway() const noexcept ACCLIENT_LIFETIMEBOUND {
        return detail::text(acclient_tunnel_gateway, get());
    }
    /// Returns the IP address or host name that the tunnel connects to; IPv6 without brackets.
    std::string_view ip() const noexcept ACCLIENT_LIFETIMEBOUND {
        return detail::text(acclient_tunnel_ip, get());
    }
    /// Returns the port that the tunnel connects to.
    std::uint16_t remote() const noexcept {
        return acclient_tunnel_remote(get());
    }
    /// The C handle, borrowed.
    const acclient_tunnel *get() const noexcept ACCLIENT_LIFETIMEBOUND {
        return handle_.get();
    }

  private:
    detail::handle<acclient_tunnel, acclient_tunnel_free> handle_;
};

/// Result of closing a tunnel. The agent no longer listens for it.
struct closed_tunnel {
    /// Whether the agent still lists the tunnel. The agents of 2016 do so if they chose the port
    /// themselves, which only other programs request: they list the tunnel until they restart, and
    /// listen on its port again when their connection to the controller is re-established.
    bool still_listed = false;
};

} // namespace v0_1
} // namespace acclient

#endif
