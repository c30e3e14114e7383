/// tunnel and closed_tunnel: part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_TUNNEL_HPP
#define ACCLIENT_TUNNEL_HPP

#include "request.hpp"

namespace acclient {
inline namespace v0_1 {

/// Tunnel: a connection to the port local() of an agent's machine is forwarded to ip():remote() as
/// seen from the gateway. These four values are its name: as client::tunnel_open() returns it and
/// client::tunnel_list() lists it, client::tunnel_close() closes it. It stays open when the object
/// is destroyed.
///
/// An agent does not say which of the tunnels that it lists are open, and lists some that are not:
/// one that another program failed to open, one whose port the agent chose for another program
/// after it was closed, and all of them while the agent has no connection to the controller. A
/// restart of the controller ends the connections through all tunnels. About four seconds later,
/// when an agent's connection to the controller is re-established, the agent listens again for
/// every tunnel that it lists, closed or not. A tunnel that is opened between the two may accept
/// connections and drop them: close it and open it again. Tunnels do not survive a restart of their
/// agent. Where two programs open or close the same tunnel at the same time, each may report what
/// the other did.
class ACCLIENT_OWNER tunnel : public detail::built {
  public:
    using c_type = acclient_tunnel;

    /// Is empty.
    tunnel() noexcept = default;
    /// Takes over a C handle.
    explicit tunnel(acclient_tunnel *handle) noexcept : handle_(handle) {
    }
    /// A tunnel to be opened or closed: the port that the agent listens on, or 0 for any free one
    /// from 49152 to 65535; the far end, an agent as "gid.nid" or "controller"; IP address or host
    /// name, and port, to connect to from there. client::tunnel_open() validates the parts.
    tunnel(std::uint16_t local, std::string_view gateway, std::string_view ip,
           std::uint16_t remote) {
        acclient_tunnel *made = nullptr;
        step({gateway, ip}, acclient_tunnel_new, local, std::string(gateway).c_str(),
             std::string(ip).c_str(), remote, &made);
        handle_.reset(made);
    }

    /// The port that the agent listens on; the actual one after client::tunnel_open().
    std::uint16_t local() const noexcept {
        return acclient_tunnel_local(get());
    }
    /// The far end: "gid.nid" or "controller".
    std::string_view gateway() const noexcept ACCLIENT_LIFETIMEBOUND {
        return detail::text(acclient_tunnel_gateway, get());
    }
    /// The IP address or host name that the tunnel connects to; IPv6 without brackets.
    std::string_view ip() const noexcept ACCLIENT_LIFETIMEBOUND {
        return detail::text(acclient_tunnel_ip, get());
    }
    /// The port that the tunnel connects to.
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

/// What is left of a tunnel that was closed. The agent no longer listens for it, in any case.
struct closed_tunnel {
    /// Whether the agent still lists the tunnel. The agents of 2016 do so where they chose the port
    /// themselves, which acclient never asks for but other programs may: they list the tunnel until
    /// they restart, and listen on its port again when their connection to the controller is
    /// re-established.
    bool still_listed = false;
};

} // namespace v0_1
} // namespace acclient

#endif
