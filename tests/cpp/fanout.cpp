// Targets, and results of many agents: iterated, collected, polled.
#include "check.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <poll.h>
#include <set>
#include <unistd.h>

namespace {

using acclient::outcome_kind;
using acclient::wait_method;

void targets() {
    say("targets");
    SAME(target::agent({1, 2}).text(), "1:2");
    SAME(target(agent_id{1, 2}).text(), "1:2");
    SAME(target::agents({{1, 2}, {2, 1}, {1, 2}}).text(), "1:2,2:1");
    SAME(target::all().text(), "all");
    SAME(target::all().role("cpu").role("storage").grid(1).text(), "all,role=cpu,storage@1");
    SAME(target::any().role("cpu").text(), "any,role=cpu");
    SAME(target::parse("any@2").text(), "any@2");
    auto built = target::all();
    built.role("cpu").grid(2);
    SAME(built.text(), "all,role=cpu@2");
    BAD(errc::invalid_argument, target::agent({0, 0}).validate());
    BAD(errc::invalid_argument, target::agents({{1, 0}}).validate());
    BAD(errc::invalid_argument, target::parse("nonsense").validate());
    BAD(errc::invalid_argument, target::parse("a\0b"sv).validate());
    BAD(errc::invalid_argument, target::all().role("").validate());
    BAD(errc::invalid_argument, target::all().role("a\0b"sv).grid(1).validate());
    BAD(errc::invalid_argument, target::all().grid(0).validate());
    BAD(errc::invalid_argument, target::agent({1, 1}).role("cpu").validate());
    BAD(errc::invalid_argument, target::parse("1:2,2:1").grid(1).validate());
    BAD(errc::invalid_argument, target::parse("role=cpu").role("storage").validate());
}

void in_order_of_completion(const acclient::client &client) {
    say("results in completion order");
    const auto chosen = client.bash(target::any().role("cpu").role("storage"), "true").run(120s);
    CHECK((chosen.agent() == agent_id{2, 1}));
    // The last agent waits until the results of the others have arrived.
    const std::string gate = "/tmp/acclient-fanout-" + std::to_string(getpid());
    const std::string wait = "while [ ! -e " + gate + " ]; do sleep 0.02; done";
    auto command =
        client.bash(target::all(), "[ $AGENT_GID:$AGENT_NID = 1:1 ] && " + wait + "; echo it")
            .submit();
    auto results = command.results(120s);
    CHECK(results.method() == wait_method::none);
    std::vector<agent_id> agents;
    for (auto &result : results) {
        GOOD(result);
        SAME(result->out(), "it\n");
        agents.push_back(result->agent());
        if (agents.size() == 2) {
            CHECK(results.remaining() == 1);
            CHECK(results.method() != wait_method::none);
            CHECK(std::ofstream(gate).good());
        }
    }
    CHECK(std::remove(gate.c_str()) == 0);
    CHECK(agents.size() == 3 && results.remaining() == 0);
    CHECK((agents.back() == agent_id{1, 1}));
    CHECK(results.begin() == results.end());
    CHECK(!results.next());
    // Results returned here do not count for next_result().
    auto again = command.results(120s);
    CHECK(std::count_if(again.begin(), again.end(), [](auto &result) { return !!result; }) == 3);
    std::set<agent_id> seen;
    while (const auto job = command.next_result(120s)) {
        seen.insert(job->agent());
    }
    CHECK(seen.size() == 3);
    CHECK(command.jobs().size() == 3);
    for (const auto job : command.jobs()) {
        CHECK(job.is_success());
        CHECK(command.job(job.agent()).is_success());
    }
    CHECK(command.try_job(agent_id{9, 9}).code() == errc::protocol);
}

void errors_of_agents(const acclient::client &client) {
    say("errors of agents, and the end of results");
    const auto command = client.execute(target::all().role("cpu"), "sleep").arg("600").submit();
    WAIT_UNTIL(command.jobs().size() == 2);
    std::set<agent_id> late;
    with_growing_time(200ms, [&](auto limit) {
        for (auto &result : command.results(limit)) {
            BAD(errc::timeout, result);
            CHECK(!result.error().is_final());
            // An error of the whole command if the deadline is exceeded before it is routed.
            if (const auto agent = result.error().agent()) {
                late.insert(*agent);
            }
        }
        return !late.empty();
    });
    CHECK((late == std::set<agent_id>{{1, 1}, {2, 1}}));
    // An error that ends the results is the last element.
    const auto token = acclient::cancel_token::make();
    auto cancelled = command.results(timeout::none().or_cancelled(token));
    token.cancel();
    int elements = 0;
    for (auto &result : cancelled) {
        BAD(errc::cancelled, result);
        elements++;
    }
    CHECK(elements == 1);

    say("requests to all agents of a command");
    // A process that was just forked has no memory yet.
    const auto has_memory = [](const auto &outcome) {
        return outcome.kind == outcome_kind::done && outcome.answer[0].integer("rss") > 0;
    };
    const auto all_have_memory = [&] {
        const auto stats = command.get_stats();
        return std::all_of(stats.begin(), stats.end(), has_memory);
    };
    WAIT_UNTIL(all_have_memory());
    const auto stats = command.get_stats();
    CHECK(stats.size() == 2 && !stats.empty());
    for (const auto outcome : stats) {
        CHECK(outcome.kind == outcome_kind::done);
        CHECK(!outcome.job && outcome.error.code() == errc::ok);
    }
    CHECK((stats[0].agent == agent_id{1, 1}) && (stats[1].agent == agent_id{2, 1}));
    const auto processes = client.get_all_processes({std::nullopt, "sleep"});
    CHECK(processes.size() == 3 && processes[0].answer.size() == 1);
    const auto killed = command.kill();
    CHECK(killed.size() == 2 && killed[0].kind == outcome_kind::done && !killed.failure());
    for (auto &result : command.results(120s)) {
        SAME(result->state(), "KILLED");
    }
    const auto over = command.kill();
    CHECK(over[0].kind == outcome_kind::over);
    SAME(over[0].job.state(), "KILLED");
    CHECK(over[2].kind == outcome_kind::none && over[2].agent == agent_id());
    SAME(to_string(over[0].kind), "over");
    SAME(to_string(outcome_kind::none), "unknown outcome");
}

void logs_everywhere(const acclient::client &client) {
    say("logs of all agents of a command");
    const auto command = client.bash(target::all().role("cpu"), "echo here").submit();
    const auto all_logged = [&] {
        const auto logs = command.get_msgs();
        return logs.size() == 2 && logs[0].answer.size() == 1 && logs[1].answer.size() == 1;
    };
    WAIT_UNTIL(all_logged());
    const auto logs = command.get_msgs({"1", 10});
    SAME(logs[1].answer[0].text("data").value(), "here");
    BAD(errc::invalid_argument, command.try_get_msgs({"*", 0}));
}

void all_at_once(const acclient::client &client) {
    say("collected results");
    const auto all = client.bash(target::all(), "echo $AGENT_GID").run_all(120s);
    CHECK(all.jobs().size() == 3 && all.errors().empty() && !all.is_stopped());
    CHECK(contains(all.command().handle(), all.jobs()[0].id()));
    with_growing_time(700ms, [&](auto limit) {
        const auto slow =
            client.bash(target::all(), "echo 101::$$; [ $AGENT_NID = 1 ] || exec sleep 600");
        const auto partly = slow.try_run_all(limit);
        if (!partly || partly->jobs().size() < 2) {
            return false;
        }
        CHECK(partly->jobs().size() == 2 && partly->errors().size() == 1);
        CHECK(partly->errors()[0].is_timeout());
        CHECK((partly->errors()[0].agent().value() == agent_id{1, 2}));
        CHECK(!partly->command().kill().failure());
        return true;
    });
    const auto stopped = client
                             .bash(target::all().role("cpu"),
                                   "echo 101::$$; [ $AGENT_GID = 1 ] && exit 1; exec sleep 600")
                             .run_all(120s, true);
    CHECK(stopped.is_stopped());
    CHECK(!stopped.command().kill().failure());
}

void many_commands(const acclient::client &client) {
    say("many commands");
    std::vector<acclient::request> requests;
    for (const char *text : {"a", "b", "c"}) {
        requests.push_back(client.execute(target::agent({1, 1}), "echo").arg(text).tags(text));
    }
    requests.push_back(client.execute(target::agent({1, 1}), "echo").arg("x\0y"sv));
    requests.push_back(client.execute(target::agent({1, 2}), "echo").arg("d").tags("d"));
    auto submitted = client.submit_many(requests);
    CHECK(submitted.size() == 5);
    BAD(errc::invalid_argument, submitted[3]);
    std::vector<acclient::command> commands;
    for (auto &one : submitted) {
        if (one) {
            commands.push_back(std::move(*one));
        }
    }
    std::set<std::string> tags;
    for (auto &result : client.wait_any(refs(commands), 120s)) {
        GOOD(result);
        SAME(result->out(), std::string(result->tags().value()) + "\n");
        tags.emplace(result->tags().value());
    }
    CHECK((tags == std::set<std::string>{"a", "b", "c", "d"}));
    int count = 0;
    for (auto &result : client.wait_any({commands[0], commands[1]}, 120s)) {
        GOOD(result);
        count++;
    }
    CHECK(count == 2);
    CHECK(client.submit_many({}).empty());
    BAD(errc::invalid_argument, client.try_wait_any({acclient::command_ref()}, 1s));
}

// Polls as an event loop does, until a result is available or there are no more.
std::optional<acclient::job> polled(acclient::results &results) {
    for (;;) {
        auto job = results.poll_next();
        if (job || !results.is_pending()) {
            return job;
        }
        pollfd fd{results.poll_fd(), POLLIN, 0};
        poll(&fd, 1, static_cast<int>(results.poll_timeout().count()));
    }
}

void lists_of_agents(const acclient::client &client) {
    say("lists of agents: many commands and progress");
    const auto list = target::agents({{1, 2}, {2, 1}});
    std::vector<acclient::request> requests;
    for (const char *text : {"a", "b"}) {
        requests.push_back(client.execute(list, "echo").arg(text));
    }
    auto submitted = client.submit_many(requests);
    for (const char *expected : {"a\n", "b\n"}) {
        auto &command = *submitted.at(expected[0] == 'a' ? 0 : 1);
        SAME(command.target(), "1:2,2:1");
        int count = 0;
        for (auto &result : command.results(120s)) {
            SAME(result->out(), expected);
            count++;
        }
        CHECK(count == 2);
        const auto progress = command.progress();
        CHECK(progress.stage == acclient::stage::done);
        CHECK(progress.agents.size() == 2 && progress.agents.count({2, 1}) == 1);
    }
}

void in_an_event_loop(const acclient::client &client) {
    say("results in an event loop");
    const auto agents = target::agents({{1, 2}, {2, 1}});
    const auto command = client.bash(agents, "sleep 0.1; echo polled").submit();
    auto results = command.results(120s);
    CHECK(results.is_pending());
    std::set<agent_id> seen;
    while (const auto job = polled(results)) {
        SAME(job->out(), "polled\n");
        seen.insert(job->agent());
    }
    CHECK((seen == std::set<agent_id>{{1, 2}, {2, 1}}));
    CHECK(!results.is_pending() && results.poll_timeout() == 0ms && results.poll_fd() == -1);

    say("errors in an event loop");
    const auto slow = client.bash(agents, "echo 101::$$; exec sleep 600").submit();
    WAIT_UNTIL(slow.jobs().size() == 2);
    auto late = slow.results(100ms);
    int errors = 0;
    while (late.is_pending()) {
        const auto next = late.try_poll_next();
        if (!next) {
            BAD(errc::timeout, next);
            errors++;
        }
        std::this_thread::sleep_for(5ms);
    }
    CHECK(errors > 0);
    const auto token = acclient::cancel_token::make();
    auto cancelled = slow.results(timeout::none().or_cancelled(token));
    token.cancel();
    BAD(errc::cancelled, cancelled.try_poll_next());
    CHECK(!cancelled.is_pending());
    CHECK(!slow.kill().failure());
    acclient::results empty;
    BAD(errc::invalid_argument, empty.try_poll_next());
    CHECK(!empty.is_pending() && empty.poll_fd() == -1 && empty.poll_timeout() == 0ms);
}

void statistics(const acclient::client &client) {
    say("statistics");
    const auto before = client.statistics();
    CHECK(client.bash(target::agent({1, 1}), "true").run(120s).is_success());
    const auto after = client.statistics();
    CHECK(after.pushed == before.pushed + 1 && after.connected >= 1);
    CHECK(after.open_connections >= after.idle_connections && after.waiting_calls == 0);
    CHECK(after.tracking_waits + after.broadcast_waits + after.polling_waits > 0);
    BAD(errc::invalid_argument, acclient::client().try_statistics());
}

} // namespace

int main() {
    const auto client = acclient::client::connect(grid_url());
    targets();
    in_order_of_completion(client);
    lists_of_agents(client);
    in_an_event_loop(client);
    errors_of_agents(client);
    logs_everywhere(client);
    all_at_once(client);
    many_commands(client);
    statistics(client);
}
