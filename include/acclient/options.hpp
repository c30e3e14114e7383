/// options: part of acclient.hpp, where the conventions are.
#ifndef ACCLIENT_OPTIONS_HPP
#define ACCLIENT_OPTIONS_HPP

#include "request.hpp"

namespace acclient {

/// Settings of a client, for client::open() and client::build(). Default: a Redis at 127.0.0.1:6379
/// without a password. Each function returns the same object: `options settings;
/// settings.host("x").db(3);`
class options : public detail::built {
  public:
    /// The default.
    options() {
        piece({}, [&](acclient_error **error) {
            acclient_options *made = nullptr;
            const acclient_status status = acclient_options_new(&made, error);
            handle_.reset(made);
            return status;
        });
    }

    /// Address, user, password and database, in the forms that client::connect() takes.
    options &url(std::string_view url) {
        return set(acclient_options_set_url, url);
    }
    /// Host name or number.
    options &host(std::string_view host) {
        return set(acclient_options_set_host, host);
    }
    /// Port. Default 6379.
    options &port(std::uint16_t port) {
        piece({}, [&](acclient_error **error) {
            return acclient_options_set_port(get(), port, error);
        });
        return *this;
    }
    /// A unix socket instead of host and port.
    options &unix_socket(std::string_view path) {
        return set(acclient_options_set_unix_socket, path);
    }
    /// The master of a name, wherever these Sentinels say that it is, instead of host and port:
    /// "host", "host:port" or "[address]:port" each. They are asked in their order, for each new
    /// connection. A Sentinel that wants a password gets that of the master.
    options &sentinels(std::string_view name, const std::vector<std::string> &sentinels) {
        piece({name, detail::first_with_nul(sentinels)}, [&](acclient_error **error) {
            return acclient_options_set_sentinels(get(), std::string(name).c_str(),
                                                  detail::c_texts(sentinels).data(),
                                                  sentinels.size(), error);
        });
        return *this;
    }
    /// Speaks TLS 1.2 or 1.3 with the server, as rediss:// does. Its certificate has to be of the
    /// host that was named, and of an authority that this machine trusts. Default: no TLS. A unix
    /// socket has none.
    options &tls() {
        piece({}, [&](acclient_error **error) { return acclient_options_set_tls(get(), error); });
        return *this;
    }
    /// Speaks TLS, and believes the authorities in this PEM file instead of those of the machine.
    options &tls_ca_file(std::string_view path) {
        return set(acclient_options_set_tls_ca_file, path);
    }
    /// Speaks TLS, and shows the server the certificates in a PEM file, with the key in another.
    options &tls_client_cert(std::string_view certificates, std::string_view key) {
        piece({certificates, key}, [&](acclient_error **error) {
            return acclient_options_set_tls_client_cert(get(), std::string(certificates).c_str(),
                                                        std::string(key).c_str(), error);
        });
        return *this;
    }
    /// Speaks TLS, and believes any certificate: whoever is in between can read and change
    /// everything. For trials only.
    options &tls_insecure() {
        piece({}, [&](acclient_error **error) {
            return acclient_options_set_tls_insecure(get(), error);
        });
        return *this;
    }
    /// User name, for servers with ACLs. Default: the server's default user.
    options &user(std::string_view user) {
        return set(acclient_options_set_user, user);
    }
    /// Password. Default: none. It appears in no error.
    options &password(std::string_view password) {
        return set(acclient_options_set_password, password);
    }
    /// Number of the database. Default 0.
    options &db(std::uint32_t db) {
        piece({},
              [&](acclient_error **error) { return acclient_options_set_db(get(), db, error); });
        return *this;
    }
    /// How many connections the client may have at a time: each waiting call has one. 1 to 10000,
    /// default 64.
    options &max_connections(std::size_t count) {
        return set(acclient_options_set_max_connections, count);
    }
    /// The largest reply, in bytes, that the client takes from Redis. Default 64 MiB.
    options &max_reply(std::size_t bytes) {
        return set(acclient_options_set_max_reply, bytes);
    }
    /// The C handle, borrowed.
    const acclient_options *get() const noexcept {
        return handle_.get();
    }

  private:
    options &set(decltype(acclient_options_set_url) *function, std::string_view text) {
        piece({text}, [&](acclient_error **error) {
            return function(get(), std::string(text).c_str(), error);
        });
        return *this;
    }
    options &set(decltype(acclient_options_set_max_reply) *function, std::size_t number) {
        piece({}, [&](acclient_error **error) { return function(get(), number, error); });
        return *this;
    }

    detail::handle<acclient_options, acclient_options_free> handle_;
};

} // namespace acclient

#endif
