// A tour of a grid: it lists the agents, runs commands on them, and shows failures and
// cancellation. The same as examples/quickstart.rs.
//
// On your own grid:
//   make lib
//   c++ -std=c++17 -Iinclude examples/quickstart.cpp -Ltarget/capi/release -lacclient -o quickstart
//   ACCLIENT_URL=redis://host LD_LIBRARY_PATH=target/capi/release ./quickstart

#include <acclient.hpp>

#include <chrono>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>

using namespace std::chrono_literals;
using acclient::agent_id;
using acclient::errc;
using acclient::target;
using acclient::timeout;
using steady = std::chrono::steady_clock;

namespace {

long long milliseconds_since(steady::time_point begun) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(steady::now() - begun).count();
}

// The text without trailing newlines.
std::string_view trimmed(std::string_view text) {
    return text.substr(0, text.find_last_not_of('\n') + 1);
}

void tour(const std::string &url) {
    const auto client = acclient::client::connect(url);

    std::cout << "== The agents of the grid\n";
    const auto agents = client.list_agents();
    for (const auto agent : agents) {
        std::cout << "agent " << agent.integer("gid") << ':' << agent.integer("nid")
                  << " with the roles " << agent.text("roles.0").value_or("");
        for (int i = 1; const auto role = agent.text("roles." + std::to_string(i)); i++) {
            std::cout << ", " << *role;
        }
        std::cout << '\n';
    }

    std::cout << "\n== A command on each agent: echo, with the agent's numbers from the "
                 "environment\n";
    for (const auto row : agents) {
        const agent_id agent{row.integer("gid"), row.integer("nid")};
        const auto job = client.bash(agent, "echo hello from agent $AGENT_GID:$AGENT_NID").run(10s);
        std::cout << agent << ' ' << job.state() << " in " << job.time().count()
                  << " ms: " << job.out();
    }

    std::cout << "\n== On any agent with the role storage, chosen by the controller\n";
    const auto chosen = client.bash(target::any().role("storage"), "echo chosen").run(10s);
    std::cout << chosen.agent() << ' ' << chosen.state() << ": " << trimmed(chosen.out()) << '\n';

    std::cout << "\n== On all agents, results as they complete; the slow 1:1 delays no other\n";
    const auto begun = steady::now();
    const auto everywhere =
        client.bash(target::all(), "[ $AGENT_GID:$AGENT_NID = 1:1 ] && sleep 1; uname -s").submit();
    for (const auto &result : everywhere.results(10s)) {
        if (result) {
            std::cout << "after " << std::setw(4) << milliseconds_since(begun) << " ms "
                      << result->agent() << ": " << result->out();
        } else {
            std::cout << result.error().what() << '\n';
        }
    }

    std::cout << "\n== A job that fails: ls of a directory that does not exist\n";
    const auto failed = client.execute(target::agent({1, 1}), "ls").arg("/no/such/place").run(10s);
    std::cout << "1:1 " << failed.state() << ", stderr: " << failed.err();

    std::cout << "\n== A job that takes too long: sleep 60, killed while it runs\n";
    auto longer = client.execute(target::agent({2, 1}), "sleep").arg("60").submit();
    try {
        longer.next_result(200ms);
        std::cout << "unexpected: a result\n";
    } catch (const acclient::error &error) {
        if (!error.is_timeout()) {
            throw;
        }
        std::cout << "no result after 0.2 s, as expected\n";
    }
    const auto killed = longer.kill();
    if (const auto failure = killed.failure()) {
        std::cout << "unexpected: " << failure.message() << '\n';
    }
    if (const auto job = longer.next_result(10s)) {
        std::cout << "2:1 " << job->state() << " after " << job->time().count() << " ms\n";
    }

    std::cout << "\n== A cancelled wait; the command continues and is looked up again\n";
    auto command = client.execute(target::agent({1, 2}), "sleep").arg("1").submit();
    const auto cancel = acclient::cancel_token::make();
    const auto waiting = steady::now();
    std::thread other([&] {
        std::this_thread::sleep_for(300ms);
        cancel.cancel();
    });
    // The variant without exceptions, since this failure is expected.
    const auto cancelled = command.try_next_result(timeout::none().or_cancelled(cancel));
    other.join();
    if (cancelled.code() == errc::cancelled) {
        std::cout << "cancelled after " << milliseconds_since(waiting) << " ms\n";
    } else {
        std::cout << "unexpected: " << cancelled.code() << '\n';
    }
    std::cout << "handle string, valid in any process: " << command.handle() << '\n';
    auto found = client.get_by_handle(command.handle());
    if (const auto job = found.next_result(10s)) {
        std::cout << "1:2 " << job->state() << " after " << job->time().count() << " ms\n";
    }

    std::cout << "\n== A command for an agent that does not exist\n";
    const auto missing = client.execute(target::agent({7, 7}), "true").try_run(10s);
    if (missing.code() == errc::no_such_agent) {
        std::cout << missing.error().what() << '\n';
    } else {
        std::cout << "unexpected: " << missing.code() << '\n';
    }
}

} // namespace

int main() {
    const char *url = std::getenv("ACCLIENT_URL");
    try {
        tour(url != nullptr ? url : "redis://127.0.0.1:6379");
    } catch (const acclient::error &error) {
        std::cerr << error.what() << '\n';
        return EXIT_FAILURE;
    }
}
