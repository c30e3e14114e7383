// Tunnels from the controller's machine, with a controller that supports them (languages/cpp.rs).
#include "check.hpp"

int main() {
    const auto client = acclient::client::connect(grid_url());
    const acclient::tunnel wanted(0, "1.1", "127.0.0.1", 22);
    const auto opened = client.reverse_tunnel_open(wanted);
    CHECK(opened.local() == 4711 && opened.remote() == 22);
    SAME(opened.gateway(), "1.1");
    auto listed = client.reverse_tunnel_list();
    CHECK(listed.size() == 1 && listed[0].integer("local") == 4711);
    SAME(listed[0].text("ip").value(), "127.0.0.1");
    CHECK(!client.reverse_tunnel_close(opened).still_listed);
    BAD(errc::no_such_tunnel, client.try_reverse_tunnel_close(opened));
    CHECK(client.reverse_tunnel_list().empty());
}
