// TLS and Sentinels. The server at ACCLIENT_TLS_URL has a certificate of the authority in
// ACCLIENT_TLS_CA and requires a client certificate: ACCLIENT_TLS_CERT, with ACCLIENT_TLS_KEY. The
// Sentinel at ACCLIENT_SENTINEL reports the same server, without TLS, as "main".
#include "check.hpp"

namespace {

std::string variable(const char *name) {
    const char *value = std::getenv(name);
    CHECK(value != nullptr);
    return value;
}

void says_hello(const acclient::options &options) {
    const auto client = acclient::client::open(options);
    SAME(client.bash(target::agent({1, 1}), "echo hello").run(120s).out(), "hello\n");
}

// Opening fails with a message that contains a word.
void does_not_open(const acclient::options &options, errc code, std::string_view word) {
    const auto opened = acclient::client::try_open(options);
    BAD(code, opened);
    CHECK(contains(opened.error().what(), word) && !opened.error().is_retriable());
}

void tls() {
    const auto url = variable("ACCLIENT_TLS_URL");
    const auto port = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
    const auto ca = variable("ACCLIENT_TLS_CA");
    const auto certificate = variable("ACCLIENT_TLS_CERT");
    const auto key = variable("ACCLIENT_TLS_KEY");
    say("a private authority that requires a client certificate");
    acclient::options options;
    options.url(url);
    does_not_open(options, errc::connect, "certificate");
    options.tls_client_cert(certificate, key);
    does_not_open(options, errc::connect, "certificate");
    options.tls_ca_file(ca);
    says_hello(options);

    say("options without a URL");
    acclient::options trusting;
    trusting.port(port).tls();
    does_not_open(trusting, errc::connect, "certificate");
    trusting.tls_client_cert(certificate, key).tls_insecure();
    says_hello(trusting);

    say("unusable files");
    acclient::options missing;
    missing.port(port).tls_ca_file("/nowhere/ca.pem");
    does_not_open(missing, errc::invalid_argument, "/nowhere/ca.pem");
    BAD(errc::invalid_argument, acclient::client::try_build(missing));
    BAD(errc::invalid_argument, acclient::options().tls_ca_file("a\0b"sv).validate());
    BAD(errc::invalid_argument, acclient::options().tls_client_cert("a", "a\0b"sv).validate());
}

void sentinels() {
    const auto sentinel = variable("ACCLIENT_SENTINEL");
    say("Sentinels, the first of which is unreachable");
    acclient::options options;
    options.sentinels("main", {"127.0.0.1:1", sentinel});
    says_hello(options);
    options.sentinels("other", {sentinel});
    const auto other = acclient::client::try_open(options, 300ms);
    BAD(errc::timeout, other);
    CHECK(contains(other.error().what(), "other"));
    does_not_open(acclient::options().sentinels("main", {}), errc::invalid_argument, "Sentinel");
    acclient::client::connect("redis+sentinel://127.0.0.1:1," + sentinel + "/main").ping();
    BAD(errc::invalid_argument, acclient::options().sentinels("main", {"a:x"}).validate());
    const std::vector<std::string> invalid{"a", std::string("a\0b", 3)};
    const auto checked = acclient::options().sentinels("main", invalid).validate();
    BAD(errc::invalid_argument, checked);
    CHECK(contains(checked.error().what(), "NUL"));
}

} // namespace

int main() {
    tls();
    sentinels();
}
