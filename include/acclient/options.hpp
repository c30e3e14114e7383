/// options: part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_OPTIONS_HPP
#define ACCLIENT_OPTIONS_HPP

#include "request.hpp"

namespace acclient {
inline namespace v0_1 {

/// Options for a new client. client::open() and client::build() report values out of range and
/// unusable files. Default: a Redis at 127.0.0.1:6379 without a password. Each setter returns the
/// same object: `options options; options.host("x").db(3);`
class ACCLIENT_OWNER options : public detail::built {
  public:
    /// Creates default options.
    options() {
        acclient_options *made = nullptr;
        step({}, acclient_options_new, &made);
        handle_.reset(made);
    }

    /// Sets address, user, password and database from a URL in a form of client::connect().
    options &url(std::string_view url) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_options_set_url, url);
    }
    /// Sets the host: a host name or an IP address.
    options &host(std::string_view host) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_options_set_host, host);
    }
    /// Sets the port. Default: 6379.
    options &port(std::uint16_t port) ACCLIENT_LIFETIMEBOUND {
        step({}, acclient_options_set_port, handle_.get(), port);
        return *this;
    }
    /// Sets the path of a Unix socket, which replaces host and port.
    options &unix_socket(std::string_view path) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_options_set_unix_socket, path);
    }
    /// Sets Sentinels, which report the address of a named master for each new connection, in place
    /// of host and port: "host", "host:port" or "[address]:port" each; the default port is 26379.
    /// They are asked in order. A Sentinel that requires a password gets the one of the master.
    options &sentinels(std::string_view name,
                       const std::vector<std::string> &sentinels) ACCLIENT_LIFETIMEBOUND {
        step({name, detail::first_with_nul(sentinels)}, acclient_options_set_sentinels,
             handle_.get(), std::string(name).c_str(), detail::c_texts(sentinels).data(),
             sentinels.size());
        return *this;
    }
    /// Enables TLS 1.2 and 1.3, as rediss:// does. The server's certificate must match the host and
    /// be issued by an authority that this machine trusts. Default: no TLS. A Unix socket does not
    /// use TLS.
    options &tls() ACCLIENT_LIFETIMEBOUND {
        step({}, acclient_options_set_tls, handle_.get());
        return *this;
    }
    /// Enables TLS and trusts the authorities in a PEM file instead of those of the machine.
    options &tls_ca_file(std::string_view path) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_options_set_tls_ca_file, path);
    }
    /// Enables TLS with a client certificate: PEM files of the certificate chain and the private
    /// key.
    options &tls_client_cert(std::string_view certificates,
                             std::string_view key) ACCLIENT_LIFETIMEBOUND {
        step({certificates, key}, acclient_options_set_tls_client_cert, handle_.get(),
             std::string(certificates).c_str(), std::string(key).c_str());
        return *this;
    }
    /// Enables TLS and disables certificate verification. Anyone on the network path can then read
    /// and change all traffic; use it for testing only.
    options &tls_insecure() ACCLIENT_LIFETIMEBOUND {
        step({}, acclient_options_set_tls_insecure, handle_.get());
        return *this;
    }
    /// Sets the user name, for servers with ACLs. Default: the server's default user.
    options &user(std::string_view user) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_options_set_user, user);
    }
    /// Sets the password. Default: none. Errors never contain it.
    options &password(std::string_view password) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_options_set_password, password);
    }
    /// Sets the database number. Default: 0.
    options &db(std::uint32_t db) ACCLIENT_LIFETIMEBOUND {
        step({}, acclient_options_set_db, handle_.get(), db);
        return *this;
    }
    /// Sets the maximum number of connections, 1 to 10000. Default: 64. Each wait for results uses
    /// one; further waits queue in order, until their deadline. Waits do not delay other calls.
    /// Another eighth of the maximum, at least one connection, is reserved for calls that only talk
    /// to Redis, and the same again for requests to agents and the controller.
    options &max_connections(std::size_t count) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_options_set_max_connections, count);
    }
    /// Sets the maximum size of a reply in bytes. Default: 64 MiB.
    options &max_reply(std::size_t bytes) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_options_set_max_reply, bytes);
    }
    /// The C handle, borrowed.
    const acclient_options *get() const noexcept ACCLIENT_LIFETIMEBOUND {
        return handle_.get();
    }

  private:
    options &set(decltype(acclient_options_set_url) *function, std::string_view text) {
        step({text}, function, handle_.get(), std::string(text).c_str());
        return *this;
    }
    options &set(decltype(acclient_options_set_max_reply) *function, std::size_t number) {
        step({}, function, handle_.get(), number);
        return *this;
    }

    detail::handle<acclient_options, acclient_options_free> handle_;
};

} // namespace v0_1
} // namespace acclient

#endif
