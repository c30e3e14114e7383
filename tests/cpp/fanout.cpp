// Commands for many: targets, results in order of completion, all at once.
#include "check.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>
#include <unistd.h>

namespace {

void targets() {
    say("targets");
    SAME(target::agent(1, 2).printed(), "1:2");
    SAME(target::agent(agent_id{1, 2}).printed(), "1:2");
    SAME(target::all({"cpu"}).printed(), "all,role=cpu");
    SAME(target::any({"cpu"}).printed(), "any,role=cpu");
    CHECK(contains(target::all({}, 2).printed(), "2"));
    BAD(errc::invalid_argument, target::agent(0, 0).check());
}

void in_order_of_completion(const acclient::client &client) {
    say("results in order of completion");
    const auto chosen = client.bash(target::any({"cpu", "storage"}), "true").run(120s);
    CHECK((chosen.agent() == agent_id{2, 1}));
    // The last agent waits until the results of the others are here.
    const std::string gate = "/tmp/acclient-fanout-" + std::to_string(getpid());
    const std::string wait = "while [ ! -e " + gate + " ]; do sleep 0.02; done";
    const auto command =
        client.bash(target::all(), "[ $AGENT_GID:$AGENT_NID = 1:1 ] && " + wait + "; echo it")
            .submit();
    auto results = command.results(120s);
    CHECK(results.method() == acclient::results::method_kind::none);
    std::vector<agent_id> agents;
    for (auto &result : results) {
        GOOD(result);
        SAME(result->out(), "it\n");
        agents.push_back(result->agent());
        if (agents.size() == 2) {
            CHECK(results.remaining() == 1);
            CHECK(results.method() != acclient::results::method_kind::none);
            CHECK(std::ofstream(gate).good());
        }
    }
    CHECK(std::remove(gate.c_str()) == 0);
    CHECK(agents.size() == 3 && results.remaining() == 0);
    CHECK((agents.back() == agent_id{1, 1}));
    CHECK(results.begin() == results.end());
    CHECK(!results.next());
    // They do not count for the command, and an algorithm goes through them as well.
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
    }
}

void errors_of_agents(const acclient::client &client) {
    say("errors about agents, and the end of results");
    const auto command = client.execute(target::all({"cpu"}), "sleep").arg("600").submit();
    WAIT_UNTIL(command.jobs().size() == 2);
    std::set<agent_id> late;
    with_growing_time(200ms, [&](auto limit) {
        for (auto &result : command.results(limit)) {
            BAD(errc::timeout, result);
            CHECK(!result.error().is_final());
            // Without one if the time is over before it is known whom the command went to.
            if (const auto agent = result.error().agent()) {
                late.insert(*agent);
            }
        }
        return !late.empty();
    });
    CHECK((late == std::set<agent_id>{{1, 1}, {2, 1}}));
    // What ends the results for all is the last element.
    const auto token = acclient::cancel_token::make();
    auto cancelled = command.results(time_limit::forever().or_cancelled(token));
    token.cancel();
    int elements = 0;
    for (auto &result : cancelled) {
        BAD(errc::cancelled, result);
        elements++;
    }
    CHECK(elements == 1);

    say("questions to all agents of a command");
    WAIT_UNTIL(command.get_stats()[1].kind == acclient::outcome::kind_of::done);
    const auto stats = command.get_stats();
    CHECK(stats.size() == 2 && !stats.empty());
    for (const auto outcome : stats) {
        CHECK(outcome.kind == acclient::outcome::kind_of::done);
        CHECK(outcome.answer[0].integer("rss") > 0);
        CHECK(!outcome.job && outcome.error.code() == errc::ok);
    }
    CHECK((stats[0].agent == agent_id{1, 1}) && (stats[1].agent == agent_id{2, 1}));
    const auto processes = client.get_all_processes({std::nullopt, "sleep"});
    CHECK(processes.size() == 3 && processes[0].answer.size() == 1);
    const auto killed = command.kill_everywhere();
    CHECK(killed.size() == 2 && killed[0].kind == acclient::outcome::kind_of::done);
    for (auto &result : command.results(120s)) {
        SAME(result->state(), "KILLED");
    }
    const auto over = command.kill_everywhere();
    CHECK(over[0].kind == acclient::outcome::kind_of::over);
    SAME(over[0].job.state(), "KILLED");
    CHECK(over[2].kind == acclient::outcome::kind_of::none);
}

void logs_everywhere(const acclient::client &client) {
    say("logs of all agents of a command");
    const auto command = client.bash(target::all({"cpu"}), "echo here").submit();
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
    say("everything of a command");
    const auto all = client.bash(target::all(), "echo $AGENT_GID").run_all(120s);
    CHECK(all.jobs().size() == 3 && all.errors().empty() && !all.stopped());
    CHECK(contains(all.command().printed(), all.jobs()[0].id()));
    with_growing_time(700ms, [&](auto limit) {
        const auto slow = client.bash(target::all(), "[ $AGENT_NID = 1 ] || sleep 600");
        const auto partly = slow.try_run_all(limit);
        if (!partly || partly->jobs().size() < 2) {
            return false;
        }
        CHECK(partly->jobs().size() == 2 && partly->errors().size() == 1);
        CHECK(partly->errors()[0].is_timeout());
        CHECK((partly->errors()[0].agent().value() == agent_id{1, 2}));
        partly->command().kill();
        return true;
    });
    const auto stopped =
        client.bash(target::all({"cpu"}), "[ $AGENT_GID = 1 ] && exit 1; sleep 600")
            .run_all(120s, true);
    CHECK(stopped.stopped());
    stopped.command().kill();
}

void many_commands(const acclient::client &client) {
    say("many commands");
    std::vector<acclient::request> requests;
    for (const char *text : {"a", "b", "c"}) {
        requests.push_back(client.execute(target::agent(1, 1), "echo").arg(text).tags(text));
    }
    requests.push_back(client.execute(target::agent(1, 1), "echo").arg("x\0y"sv));
    requests.push_back(client.execute(target::agent(1, 2), "echo").arg("d").tags("d"));
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

} // namespace

int main() {
    const auto client = acclient::client::connect(grid_url());
    targets();
    in_order_of_completion(client);
    errors_of_agents(client);
    logs_everywhere(client);
    all_at_once(client);
    many_commands(client);
}
