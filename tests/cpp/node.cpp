// Requests to agents and the controller: node information, processes, logs, the schedule, the
// history, scripts, tunnels.
#include "check.hpp"

#include <map>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

const agent_id one{1, 1};
const agent_id nobody{9, 9};

void node_information(const acclient::client &client) {
    say("node information");
    client.ping_agent(one);
    BAD(errc::no_such_agent, client.try_ping_agent(nobody));
    const auto agents = client.list_agents();
    CHECK(agents.size() == 3);
    std::string seen;
    for (const auto agent : agents) {
        seen += std::to_string(agent.integer("gid")) + ':' + std::to_string(agent.integer("nid")) +
                '=' + std::string(agent.text("roles.0").value()) + ' ';
    }
    SAME(seen, "1:1=cpu 1:2=storage 2:1=cpu ");
    CHECK(!client.get_cpu_info(one).empty());
    CHECK(client.get_cpu_info(one)[0].number("mhz") >= 0);
    SAME(client.get_disk_info(one).json().substr(0, 1), "[");
    const auto memory = client.get_mem_info(one);
    CHECK(memory[0].integer("total") > memory[0].integer("used"));
    CHECK(memory[0].number("used_percent") > 0);
    const auto interfaces = client.get_nic_info(one);
    bool loopback = false;
    for (const auto nic : interfaces) {
        loopback = loopback || nic.text("name") == "lo";
    }
    CHECK(loopback);
    const auto os = client.get_os_info(one);
    CHECK(os.size() == 1 && os[0].integer("boot_time") > 0);
    SAME(os[0].text("os").value(), "linux");
    CHECK(!os[0].text("no such field") && !os[0].text("os\0"sv) && !os[1].text("os"));
    CHECK(os[0].integer("os") == 0);
    CHECK(client.get_aggregated_stats(one)[0].integer("rss") > 0);
    BAD(errc::no_such_agent, client.try_get_os_info(nobody));
}

void resolution(const acclient::client &client) {
    say("resolving expressions");
    const auto some = client.resolve("1:1-9 or role=storage and not 1:*");
    SAME(some.text(), "1:1,1:2,2:1");
    const auto waiting = client.waiting_commands(some);
    CHECK(waiting.size() == 3 && waiting[2].integer("gid") == 2);
    CHECK(waiting[0].integer("waiting") == 0);
    const auto roles = client.resolve("role=cpu and role=storage");
    SAME(roles.text(), "all,role=cpu,storage");
    const auto agents = client.matching_agents(roles);
    CHECK(agents.size() == 1 && agents[0].integer("gid") == 2);
    BAD(errc::no_such_agent, client.try_resolve("7:1-5"));
    BAD(errc::invalid_argument, client.try_resolve("1:1 and"));
    BAD(errc::invalid_argument, client.try_resolve("1:1\0"sv));
    BAD(errc::invalid_argument, client.try_matching_agents(acclient::target()));
    BAD(errc::invalid_argument, client.try_waiting_commands(acclient::target()));
    BAD(errc::invalid_argument, client.try_waiting_commands(roles));
}

void processes(const acclient::client &client) {
    say("processes");
    acclient::run_args args;
    args.domain("dom");
    const auto command =
        client.execute(target::agent(one), "sleep").arg("600").run_args(args).submit();
    WAIT_UNTIL(client.get_processes(one, {"dom", std::nullopt}).size() == 1);
    SAME(client.get_processes(one, {"dom", "sleep"})[0].text("cmd.id").value(), command.id());
    CHECK(client.get_processes(one, {"nope", std::nullopt}).empty());
    CHECK(client.get_processes(one).size() == 2);
    CHECK(!command.kill().failure());
}

void logs(const acclient::client &client) {
    say("logs");
    const auto begun = std::chrono::system_clock::now();
    const auto job =
        client.bash(target::agent(one), "echo one; echo '7::two'; echo three >&2").run(120s);
    WAIT_UNTIL(job.get_msgs().size() == 3);
    SAME(job.get_msgs({"7-8", 20})[0].text("data").value(), "two");
    CHECK(job.get_msgs({"*", 2}).size() == 2);
    acclient::msg_query query;
    query.from = begun - 60s;
    query.to = begun + 60s;
    CHECK(client.get_msgs(one, job.id(), query).size() == 3);
    query.from = begun + 60s;
    query.to.reset();
    CHECK(client.get_msgs(one, job.id(), query).empty());
    query.from.reset();
    query.to = std::chrono::system_clock::time_point(-5s);
    CHECK(client.get_msgs(one, job.id(), query).empty());
    BAD(errc::invalid_argument, job.try_get_msgs({"a", 20}));

    say("following a log");
    const auto command =
        client.bash(target::agent(one), "for i in 1 2 3; do echo $i; sleep 0.2; done").submit();
    WAIT_UNTIL(!command.jobs().empty());
    const auto jobs = command.jobs();
    std::map<std::int64_t, std::string> lines;
    for (auto &message : jobs[0].follow(60s)) {
        GOOD(message);
        CHECK(message->level() == 1 && lines.emplace(message->id(), message->data()).second);
        CHECK(message->time() > begun - 1s && message->time() < begun + 120s);
    }
    std::string text;
    for (const auto &[id, line] : lines) {
        text += line;
    }
    SAME(text, "123");
    auto again = jobs[0].follow(60s, {"1"});
    CHECK(contains("123", again.next()->data()));
    const auto sleeping = client.execute(target::agent(one), "sleep").arg("600").submit();
    WAIT_UNTIL(!sleeping.jobs().empty());
    const auto unfinished = sleeping.jobs();
    int elements = 0;
    for (auto &message : unfinished[0].follow(300ms)) {
        BAD(errc::timeout, message);
        elements++;
    }
    CHECK(elements == 1);
    CHECK(!sleeping.kill().failure());
}

void gap(const acclient::client &client) {
    say("a gap in a log");
    const auto job = client.bash(target::agent(one), "seq 3000").run(60s);
    std::size_t messages = 0;
    std::size_t gaps = 0;
    for (auto &message : job.follow(60s)) {
        if (message) {
            messages++;
            continue;
        }
        BAD(errc::gap, message);
        const auto gap = message.error().gap();
        CHECK(gap && gap->before > gap->after.value_or(0) && !message.error().is_final());
        gaps++;
    }
    CHECK(gaps > 0 && messages >= 1000 && messages < 3000);
    CHECK(!acclient::error(errc::gap, "").gap());
}

void schedule(const acclient::client &client) {
    say("the schedule");
    const auto ping = client.cmd(target::agent(one), "ping");
    client.schedule_add("job.two", "@every 1h", ping);
    client.schedule_add("job.one", "0 30 3 * * *", ping);
    client.schedule_add("other", "*/5 * * * * *", ping);
    auto listed = client.schedule_list();
    CHECK(listed.size() == 3);
    SAME(listed[0].text("id").value(), "job.one");
    SAME(listed[0].text("cron").value(), "0 30 3 * * *");
    SAME(listed[2].text("cmd.cmd").value(), "ping");
    CHECK(client.schedule_remove("other"));
    CHECK(!client.schedule_remove("other"));
    client.schedule_remove_prefix("job.");
    CHECK(client.schedule_list().empty());
    BAD(errc::invalid_argument, client.try_schedule_add("x", "nonsense", ping));
    BAD(errc::invalid_argument, client.try_schedule_add("a\0b"sv, "@every 1h", ping));
}

// A generic command with a schedule entry that would make the controller exit when it is due.
void deadly(const acclient::client &client) {
    say("a schedule entry in a generic command");
    auto add = client.cmd(target::agent(one), "controller");
    add.run_args(acclient::run_args().name("scheduler_add"));
    add.data(R"({"cron":"@hourly","cmd":{"cmd":"ping","args":{"args":[1]}}})");
    const auto refused = add.try_run(10s);
    BAD(errc::invalid_argument, refused);
    CHECK(refused.error().message().find("invalid cmd.args.args[0] in a schedule entry") !=
          std::string_view::npos);
    CHECK(client.schedule_list().empty());
}

void history(const acclient::client &client) {
    say("the history");
    for (const char *tag : {"a", "b", "c"}) {
        client.execute(target::agent(one), "echo").arg(tag).tags(tag).run(120s);
    }
    const auto past = client.get_cmds(1, 2);
    CHECK(past.size() == 2 && !past.empty());
    SAME(past[0].tags().value(), "b");
    SAME(past[1].tags().value(), "a");
    CHECK(!past[2]);
    for (const auto command : past) {
        SAME(command.cmd().value(), "execute");
        SAME(command.jobs()[0].out(), std::string(command.tags().value()) + "\n");
    }
    BAD(errc::invalid_argument, client.try_get_cmds(0, 0));
}

void scripts(const acclient::client &client) {
    say("jumpscripts");
    const auto agent = target::agent({1, 2});
    const auto named =
        client.execute_jumpscript(agent, "test", "echo", "{\"message\": \"hi\"}").run(60s);
    SAME(named.data(), "{\"echo\": \"hi\"}");
    const auto sent = client
                          .execute_jumpscript_content(
                              agent, "def action(a, b):\n    return a + b\n", "{\"a\":1,\"b\":2}")
                          .run(60s);
    SAME(sent.data(), "3");
    BAD(errc::invalid_argument,
        client.execute_jumpscript(agent, "test", "echo", "[]").try_submit());
}

// Whether Redis answers on a port.
bool passes(std::uint16_t port) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int connection = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connection >= 0);
    char answer[5] = {};
    const bool passed =
        connect(connection, reinterpret_cast<const sockaddr *>(&address), sizeof address) == 0 &&
        send(connection, "PING\n", 5, MSG_NOSIGNAL) == 5 &&
        recv(connection, answer, sizeof answer, MSG_WAITALL) == 5;
    close(connection);
    return passed && std::string_view(answer, 5) == "+PONG";
}

void tunnels(const acclient::client &client) {
    say("tunnels, to the server of the grid");
    const auto url = grid_url();
    const auto port = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
    const acclient::tunnel wanted(0, "2.1", "127.0.0.1", port);
    const auto opened = client.tunnel_open(one, wanted);
    CHECK(wanted.local() == 0);
    CHECK(opened.local() != 0);
    CHECK(opened.remote() == port);
    SAME(opened.gateway(), "2.1");
    SAME(opened.ip(), "127.0.0.1");
    CHECK(passes(opened.local()));
    const auto listed = client.tunnel_list(one);
    CHECK(listed.size() == 1 && listed[0].integer("local") == opened.local());
    BAD(errc::tunnel_exists, client.try_tunnel_open(one, opened));
    BAD(errc::no_such_tunnel, client.try_tunnel_close(one, wanted));
    CHECK(passes(opened.local()));
    const acclient::tunnel from_row(opened.local(), listed[0].text("gateway").value(),
                                    listed[0].text("ip").value(), port);
    CHECK(!client.tunnel_close(one, from_row).still_listed);
    CHECK(!passes(opened.local()) && client.tunnel_list(one).empty());

    say("a tunnel whose port the agent chose for another program");
    const auto data = R"({"local":0,"gateway":"2.1","ip":"127.0.0.1","remote":)";
    client.cmd(target::agent(one), "hubble_open_tunnel")
        .data(data + std::to_string(port) + '}')
        .run(10s);
    const auto chosen = client.tunnel_list(one)[0].integer("local");
    const acclient::tunnel by_agent(static_cast<std::uint16_t>(chosen), "2.1", "127.0.0.1", port);
    CHECK(passes(by_agent.local()));
    CHECK(client.try_tunnel_close(one, by_agent)->still_listed);
    CHECK(!passes(by_agent.local()));

    say("tunnels that cannot be opened");
    const acclient::tunnel in_use(port, "2.1", "127.0.0.1", port);
    BAD(errc::job_failed, client.try_tunnel_open(one, in_use));
    BAD(errc::job_failed, client.try_tunnel_open(one, in_use));
    BAD(errc::no_such_tunnel, client.try_tunnel_close(one, in_use));
    BAD(errc::invalid_argument,
        client.try_tunnel_open(one, acclient::tunnel(0, "nonsense", "127.0.0.1", port)));
    BAD(errc::invalid_argument,
        client.try_tunnel_open(one, acclient::tunnel(0, "controller", "local\0host"sv, port)));
    BAD(errc::unsupported, client.try_reverse_tunnel_list());
}

} // namespace

int main() {
    const auto client = acclient::client::connect(grid_url());
    node_information(client);
    resolution(client);
    processes(client);
    logs(client);
    gap(client);
    schedule(client);
    deadly(client);
    history(client);
    scripts(client);
    tunnels(client);
}
