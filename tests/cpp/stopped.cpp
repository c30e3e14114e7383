// Deadlines with a stopped server, which accepts connections and never replies: ACCLIENT_REDIS_PID.
#include "check.hpp"

#include <csignal>

namespace {

const target one = target::agent({1, 1});
constexpr auto limit = 100ms;

// Checks that a call times out, not before its deadline and not much later.
template <class Call> void ends_in_time(const char *what, Call call) {
    const auto begun = std::chrono::steady_clock::now();
    const auto ended = call();
    const auto late = std::chrono::steady_clock::now() - begun - limit;
    CHECK(!ended && ended.error().is_timeout());
    CHECK(late >= 0ms);
    if (late >= late_limit) {
        give_up(__FILE__, __LINE__, what, "too late");
    }
}

} // namespace

int main() {
    const auto client = acclient::client::connect(grid_url());
    auto command = client.bash(one, "true").submit();
    const auto request = client.bash(one, "true");
    const char *variable = std::getenv("ACCLIENT_REDIS_PID");
    CHECK(variable != nullptr);
    const pid_t pid = std::atoi(variable);
    CHECK(pid > 1 && kill(pid, SIGSTOP) == 0);
    say("calls of 100 ms, while the server is stopped");
    ends_in_time("ping", [&] { return client.try_ping(limit); });
    ends_in_time("connect", [&] { return acclient::client::try_connect(grid_url(), limit); });
    ends_in_time("submit", [&] { return request.try_submit(limit); });
    ends_in_time("submit_once", [&] { return request.try_submit_once(limit); });
    ends_in_time("run", [&] { return request.try_run(limit); });
    ends_in_time("run_all", [&] { return request.try_run_all(limit); });
    ends_in_time("next_result", [&] { return command.try_next_result(limit); });
    ends_in_time("jobs", [&] { return command.try_jobs(limit); });
    ends_in_time("kill", [&] { return command.try_kill(limit); });
    ends_in_time("progress", [&] { return command.try_progress(limit); });
    ends_in_time("retract", [&] { return command.try_retract(limit); });
    ends_in_time("list_agents", [&] { return client.try_list_agents(limit); });
    say("the doctor reports it within the timeout");
    const auto begun = std::chrono::steady_clock::now();
    CHECK(!client.doctor(limit).is_healthy());
    CHECK(std::chrono::steady_clock::now() - begun < limit + late_limit);
    CHECK(kill(pid, SIGCONT) == 0);
    say("calls succeed once the server continues");
    client.ping();
}
