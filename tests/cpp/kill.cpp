// Kills: their reach, their results, and jobs that they do not reach.
#include "check.hpp"

#include <fstream>

namespace {

using acclient::kill_result;
using acclient::stage;

const target one = target::agent({1, 1});

// Waits until the job of one agent has printed a line, so that its script has started.
void wait_until_it_printed(const acclient::command &command) {
    const auto has_printed = [&] {
        const auto outcomes = command.get_msgs();
        return outcomes[0].answer.size() > 0;
    };
    WAIT_UNTIL(has_printed());
}

kill_result killed(const acclient::command &command) {
    const auto outcomes = command.kill(60s);
    CHECK(!outcomes.failure() && outcomes.size() == 1);
    return outcomes[0].kill;
}

void scripts(const acclient::client &client) {
    say("a script continues after its kill and is not killed twice");
    const std::string port = grid_url().substr(grid_url().rfind(':') + 1);
    const std::string gate = "/tmp/acclient-kill-cpp-" + std::to_string(std::stoi(port));
    const std::string wait = "while [ ! -e " + gate + " ]; do sleep 0.02; done";
    auto command = client.bash(one, "echo started; " + wait).submit();
    wait_until_it_printed(command);
    CHECK(killed(command) == kill_result::ordered);
    CHECK(killed(command) == kill_result::ordered);
    const auto jobs = command.jobs();
    CHECK(jobs[0].kill(60s) == kill_result::ordered);
    std::ofstream(gate).put('x');
    SAME(command.next_result(120s)->state(), "KILLED");
    CHECK(jobs[0].kill(60s) == kill_result::ended);
    std::remove(gate.c_str());

    say("a killable script ends with its kill");
    command = client.bash(one, "echo started; exec sleep 600").killable().submit();
    wait_until_it_printed(command);
    CHECK(killed(command) == kill_result::ended);
    CHECK(killed(command) == kill_result::none);
    BAD(errc::invalid_argument, client.execute(one, "true").killable().try_submit());
    SAME(to_string(kill_result::ended), "ended");
    SAME(to_string(kill_result::none), "unknown kill");
}

void queues(const acclient::client &client) {
    say("a job that waits in a queue of its agent");
    acclient::run_args args;
    args.queue("a queue");
    const auto first = client.execute(one, "sleep").arg("600").run_args(args).submit();
    const auto second = client.execute(one, "true").run_args(args).submit();
    WAIT_UNTIL(second.progress(60s).stage == stage::queued_on_agent);
    SAME(to_string(stage::queued_on_agent), "queued on agent");
    const auto outcomes = second.kill(60s);
    CHECK(outcomes.failure().code() == errc::not_running);
    WAIT_UNTIL(!first.get_stats().failure());
    CHECK(killed(first) == kill_result::ended);
}

void nobody(const acclient::client &client) {
    say("a target that no agent matches");
    auto command = client.cmd(target::all().role("none"), "ping").submit();
    BAD(errc::no_such_agent, command.try_next_result(120s));
    BAD(errc::no_such_agent, command.try_jobs());
    BAD(errc::no_such_agent, command.try_progress());
    BAD(errc::no_such_agent, command.try_kill());
    BAD(errc::no_such_agent, command.try_get_stats());
}

} // namespace

int main() {
    const auto client = acclient::client::connect(grid_url());
    scripts(client);
    queues(client);
    nobody(client);
}
