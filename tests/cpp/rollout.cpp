// Commands sent to agents in batches.
#include "check.hpp"

#include <set>
#include <unistd.h>
#include <vector>

namespace {

using acclient::rollout_plan;

const target cpu = target::all().role("cpu");
const std::vector<agent_id> both{{1, 1}, {2, 1}};
const std::vector<agent_id> second{{2, 1}};

// Agents of the remaining results, in order. Fails on errors.
std::vector<agent_id> agents_of(acclient::rollout &rollout) {
    std::vector<agent_id> agents;
    for (auto &result : rollout) {
        GOOD(result);
        agents.push_back(result->agent());
    }
    return agents;
}

// Targets of the commands in flight.
std::vector<std::string> in_flight(const acclient::rollout &rollout) {
    std::vector<std::string> agents;
    for (const auto &command : rollout.in_flight()) {
        CHECK(command.cmd() == "bash");
        agents.emplace_back(command.target());
    }
    return agents;
}

void in_batches(const acclient::client &client) {
    say("batches of one agent");
    const auto request = client.bash(cpu, "true");
    auto rollout = request.rollout(rollout_plan::agents(1), 120s);
    CHECK(rollout.agents() == both && rollout.not_started() == both);
    CHECK(!rollout.is_stopped() && rollout.failures() == 0);
    CHECK(rollout.batch_size() == 1 && rollout.in_flight().empty());
    const auto first = rollout.next();
    CHECK(first && first->is_success() && first->agent() == both[0]);
    CHECK(rollout.not_started() == second);
    const auto other = rollout.try_next();
    GOOD(other);
    CHECK(*other && (*other)->agent() == both[1] && (*other)->id() != first->id());
    CHECK(!rollout.next() && !rollout.next());
    CHECK(rollout.agents() == both && rollout.not_started().empty() && !rollout.is_stopped());

    say("percentages and samples");
    auto all = request.rollout(rollout_plan::percent(100), 120s);
    const auto one_of_all = all.next();
    CHECK(one_of_all && all.not_started().empty() && all.batch_size() == 2);
    const agent_id other_one = one_of_all->agent() == both[0] ? both[1] : both[0];
    CHECK(in_flight(all) == std::vector<std::string>{to_string(other_one)});
    CHECK(agents_of(all).size() == 1);
    CHECK(all.in_flight().empty());
    auto half = request.rollout(rollout_plan::percent(50).stop_after(1), timeout::none());
    CHECK(half.next() && half.not_started() == second);
    CHECK(agents_of(half) == second);
    std::set<agent_id> chosen;
    while (chosen.size() < 3) { // every agent is chosen eventually
        const auto some = client.bash(target::all(), "true");
        const auto one = some.rollout(rollout_plan::agents(5).sample(1), 120s).agents();
        CHECK(one.size() == 1);
        chosen.insert(one[0]);
    }
}

void sliding(const acclient::client &client) {
    say("a sliding window");
    const std::string path = "/tmp/acclient-sliding-" + std::to_string(getpid());
    const std::vector<agent_id> three{{1, 1}, {1, 2}, {2, 1}};
    const auto request = client.bash(target::agents(three),
                                     "if [ $AGENT_GID:$AGENT_NID = 1:1 ]; then until [ -e " + path +
                                         " ]; do sleep 0.02; done; fi; "
                                         "if [ $AGENT_GID = 2 ]; then touch " +
                                         path + "; fi");
    auto rollout = request.rollout(rollout_plan::agents(2).sliding(), 120s);
    CHECK(rollout.batch_size() == 2);
    const auto first = rollout.next();
    CHECK(first && first->agent() == three[1] && rollout.not_started() == second);
    CHECK(agents_of(rollout).size() == 2 && !rollout.is_stopped());
    CHECK(std::remove(path.c_str()) == 0);
}

void failures(const acclient::client &client) {
    say("a failure stops it");
    const auto request = client.bash(cpu, "[ $AGENT_GID = 2 ]");
    auto rollout = request.rollout(rollout_plan::agents(1).stop_after(1), 120s);
    CHECK(agents_of(rollout).size() == 1);
    CHECK(rollout.is_stopped() && rollout.failures() == 1 && rollout.not_started() == second);
    CHECK(rollout.in_flight().empty());
    auto patient = request.rollout(rollout_plan::agents(1).stop_after(2), 120s);
    CHECK(agents_of(patient) == both);
    CHECK(!patient.is_stopped() && patient.failures() == 1);
}

void ended(const acclient::client &client) {
    say("the deadline is for all agents");
    const auto slow = client.execute(cpu, "sleep").arg("600");
    acclient::rollout rollout;
    std::string handle;
    with_growing_time(500ms, [&](auto limit) {
        auto begun = slow.try_rollout(rollout_plan::agents(1), limit);
        if (!begun) {
            return false; // timed out before the agents were known
        }
        rollout = std::move(*begun);
        for (auto &result : rollout) {
            BAD(errc::timeout, result);
            if (const auto agent = result.error().agent()) {
                CHECK(handle.empty() && *agent == both[0]);
                handle = result.error().command_handle().value();
            }
        }
        return !handle.empty();
    });
    CHECK(rollout.is_stopped() && rollout.failures() == 1 && rollout.not_started() == second);
    auto left = rollout.try_in_flight();
    GOOD(left);
    CHECK(left->size() == 1 && left->front().handle() == handle);
    CHECK(left->front().target() == "1:1");
    CHECK(!left->front().kill().failure());
    CHECK(left->front().next_result(120s)->state() == "KILLED");

    say("a cancel token");
    const auto request = client.bash(cpu, "echo 101::$$; [ $AGENT_GID = 1 ] || exec sleep 600");
    const auto token = acclient::cancel_token::make();
    const auto limit = timeout::none().or_cancelled(token);
    auto cancelled = request.rollout(rollout_plan::agents(1), limit);
    auto halfway = request.rollout(rollout_plan::agents(2), limit);
    const auto job = cancelled.next();
    CHECK(job && halfway.next());
    token.cancel();
    BAD(errc::cancelled, cancelled.try_next());
    CHECK(!cancelled.next() && cancelled.is_stopped() && cancelled.not_started() == second);
    CHECK(cancelled.in_flight().empty());
    BAD(errc::cancelled, halfway.try_next());
    CHECK(in_flight(halfway) == std::vector<std::string>{"2:1"});
    // The token does not apply to jobs and commands of the rollout.
    CHECK(job->refresh().is_success());
    auto running = halfway.in_flight();
    halfway = acclient::rollout();
    CHECK(!running.front().kill().failure());
    CHECK(running.front().next_result(120s)->state() == "KILLED");
    BAD(errc::cancelled, request.try_rollout(rollout_plan::agents(1), limit));
}

void refusals(const acclient::client &client) {
    say("invalid rollouts");
    const auto one = rollout_plan::agents(1);
    const auto request = client.bash(cpu, "true");
    BAD(errc::invalid_argument, request.try_rollout(one, 0s));
    BAD(errc::invalid_argument, request.try_rollout(rollout_plan::agents(0), 5s));
    BAD(errc::invalid_argument, request.try_rollout(rollout_plan::agents(-1), 5s));
    BAD(errc::invalid_argument, request.try_rollout(rollout_plan::percent(0), 5s));
    BAD(errc::invalid_argument, request.try_rollout(rollout_plan::percent(101), 5s));
    BAD(errc::invalid_argument, request.try_rollout(one.stop_after(0), 5s));
    BAD(errc::invalid_argument, request.try_rollout(one.sample(-1), 5s));
    BAD(errc::invalid_argument, client.bash(target::any(), "true").try_rollout(one, 5s));
    BAD(errc::invalid_argument, client.bash(cpu, "true").id("x").try_rollout(one, 5s));
    BAD(errc::invalid_argument, client.bash(cpu, "true").tags("a\0b"sv).try_rollout(one, 5s));
    BAD(errc::invalid_argument, acclient::request().try_rollout(one, 5s));
    BAD(errc::no_such_agent, client.bash(target::all().role("gpu"), "true").try_rollout(one, 10s));
}

} // namespace

int main() {
    const auto client = acclient::client::connect(grid_url());
    in_batches(client);
    sliding(client);
    failures(client);
    ended(client);
    refusals(client);
}
