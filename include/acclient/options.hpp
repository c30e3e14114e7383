/// options: part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_OPTIONS_HPP
#define ACCLIENT_OPTIONS_HPP

#include "request.hpp"

namespace acclient {
inline namespace v0_1 {

/// Options for a new client, for client::open() and client::build(), which report a value out of
/// range and a file that cannot be used. Default: a Redis at 127.0.0.1:6379 without a password.
/// Each setter returns the same object: `options options; options.host("x").db(3);`
class ACCLIENT_OWNER options : public detail::built {
  public:
    /// The default.
    options() {
        acclient_options *made = nullptr;
        step({}, acclient_options_new, &made);
        handle_.reset(made);
    }

    /// Sets address, user, password and database by a URL, as client::connect() takes it.
    options &url(std::string_view url) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_options_set_url, url);
    }
    /// Sets the host: a name or an IP address.
    options &host(std::string_view host) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_options_set_host, host);
    }
    /// Sets the port. Default 6379.
    options &port(std::uint16_t port) ACCLIENT_LIFETIMEBOUND {
        step({}, acclient_options_set_port, handle_.get(), port);
        return *this;
    }
    /// Sets the path of a Unix socket, which replaces host and port.
    options &unix_socket(std::string_view path) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_options_set_unix_socket, path);
    }
    /// Connects to the master with a name, as reported by these Sentinels, instead of host and
    /// port: "host", "host:port" or "[address]:port" each; the default port is 26379. They are
    /// asked in their order, for each new connection. A Sentinel that requires a password gets that
    /// of the master.
    options &sentinels(std::string_view name,
                       const std::vector<std::string> &sentinels) ACCLIENT_LIFETIMEBOUND {
        step({name, detail::first_with_nul(sentinels)}, acclient_options_set_sentinels,
             handle_.get(), std::string(name).c_str(), detail::c_texts(sentinels).data(),
             sentinels.size());
        return *this;
    }
    /// Enables TLS 1.2 and 1.3, as rediss:// does. The certificate of the server has to match the
    /// host, and its authority has to be trusted by this machine. Default: no TLS. A Unix socket
    /// has none.
    options &tls() ACCLIENT_LIFETIMEBOUND {
        step({}, acclient_options_set_tls, handle_.get());
        return *this;
    }
    /// Enables TLS, and trusts the authorities in this PEM file instead of those of the machine.
    options &tls_ca_file(std::string_view path) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_options_set_tls_ca_file, path);
    }
    /// Enables TLS with a client certificate: the PEM file of the certificate chain, and that of
    /// its private key.
    options &tls_client_cert(std::string_view certificates,
                             std::string_view key) ACCLIENT_LIFETIMEBOUND {
        step({certificates, key}, acclient_options_set_tls_client_cert, handle_.get(),
             std::string(certificates).c_str(), std::string(key).c_str());
        return *this;
    }
    /// Enables TLS and disables certificate verification: anybody on the network path can read and
    /// change everything. For trials only.
    options &tls_insecure() ACCLIENT_LIFETIMEBOUND {
        step({}, acclient_options_set_tls_insecure, handle_.get());
        return *this;
    }
    /// Sets the user name, for servers with ACLs. Default: the default user of the server.
    options &user(std::string_view user) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_options_set_user, user);
    }
    /// Sets the password. Default: none. It appears in no error.
    options &password(std::string_view password) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_options_set_password, password);
    }
    /// Sets the number of the database. Default 0.
    options &db(std::uint32_t db) ACCLIENT_LIFETIMEBOUND {
        step({}, acclient_options_set_db, handle_.get(), db);
        return *this;
    }
    /// Sets the maximum number of connections: each wait for results uses one, and further waits
    /// are held up, in order, until their deadline. 1 to 10000, default 64. Waits hold up no other
    /// call: an eighth more connections, at least one, is for calls that only talk to Redis, and as
    /// many for questions to agents and the controller.
    options &max_connections(std::size_t count) ACCLIENT_LIFETIMEBOUND {
        return set(acclient_options_set_max_connections, count);
    }
    /// Sets the size, in bytes, of the largest reply that the client accepts. Default 64 MiB.
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
