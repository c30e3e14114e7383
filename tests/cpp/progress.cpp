// How far commands got, taking them back, submitting them once, and what is wrong with a grid. At
// ACCLIENT_QUEUE_URL is a Redis that no controller drains.
#include "check.hpp"

#include <cstdio>
#include <map>

namespace {

using acclient::stage;
using acclient::verdict;

const target one = target::agent(1, 1);
const target cpu = target::all({"cpu"});

std::string queue_url() {
    const char *url = std::getenv("ACCLIENT_QUEUE_URL");
    CHECK(url != nullptr);
    return url;
}

void names() {
    say("names");
    SAME(name(stage::in_queue), "in queue");
    SAME(name(stage::lost), "lost");
    SAME(name(stage::none), "unknown stage");
    SAME(name(verdict::weak), "weak");
    SAME(name(verdict::unknown), "unknown");
    CHECK(acclient::progress().stage == stage::none);
}

void in_the_queue() {
    say("a command that nobody takes, taken back");
    const auto client = acclient::client::connect(queue_url());
    const auto command = client.bash(one, "true # \xc3\xbc").submit();
    CHECK(command.progress().stage == stage::in_queue && command.progress(1s).agents.empty());
    CHECK(command.retract());
    CHECK(!command.retract());
    CHECK(command.progress().stage == stage::lost);
    const auto other = client.bash(one, "true").submit();
    const auto found = client.command_from(other.printed());
    CHECK(found.retract());
    CHECK(found.progress().stage == stage::unknown);
    BAD(errc::invalid_argument, command.try_progress(0s));
    BAD(errc::invalid_argument, command.try_retract(0s));
    BAD(errc::invalid_argument, acclient::command().try_progress());
    BAD(errc::invalid_argument, acclient::command().try_retract());
}

void on_agents(const acclient::client &client) {
    say("agents that run it, while a thread waits with the command");
    const auto command = client.bash(cpu, "exec sleep 600").submit();
    std::thread waiting([&] { SAME(command.next_result(60s)->state(), "KILLED"); });
    const std::map<agent_id, stage> running{{{1, 1}, stage::running}, {{2, 1}, stage::running}};
    WAIT_UNTIL(command.progress().agents == running);
    CHECK(command.progress().stage == stage::running);
    CHECK(!command.retract());
    client.command_from(command.printed()).kill();
    waiting.join();
    WAIT_UNTIL(command.progress().stage == stage::done);
    CHECK(command.progress().agents.size() == 2);
}

int lines(const std::string &path) {
    std::FILE *file = std::fopen(path.c_str(), "r");
    int count = 0;
    for (int c = 0; file != nullptr && (c = std::fgetc(file)) != EOF;) {
        count += c == '\n' ? 1 : 0;
    }
    if (file != nullptr) {
        std::fclose(file);
    }
    return count;
}

void once(const acclient::client &client) {
    say("a command that is submitted once, twice");
    const std::string path = grid_url().substr(grid_url().rfind(':') + 1);
    const std::string file = "/tmp/acclient-once-cpp-" + std::to_string(std::stoi(path));
    std::remove(file.c_str());
    const auto request = client.bash(one, "echo here >> " + file).id("once");
    for (int i = 0; i < 2; i++) {
        const auto command = request.submit_once();
        SAME(command.id(), "once");
        CHECK(command.next_result(120s)->is_success());
    }
    // What runs after it would run after a second one too.
    CHECK(client.bash(one, "true").run(120s).is_success());
    CHECK(lines(file) == 1);
    const auto command = request.submit();
    WAIT_UNTIL(lines(file) == 2);
    std::remove(file.c_str());
    BAD(errc::invalid_argument, client.bash(one, "true").id("a\0b"sv).try_submit_once());
    BAD(errc::invalid_argument, request.try_submit_once(0s));
}

void doctor() {
    say("a grid that is well, by a client that has not connected");
    acclient::options settings;
    settings.url(grid_url());
    const auto client = acclient::client::build(settings);
    const auto well = client.doctor();
    std::printf("%s", to_string(well).c_str());
    CHECK(well.is_healthy() && well.checks.size() == 10);
    SAME(well.checks[0].name, "redis");
    SAME(well.checks[9].name, "agent 2:1");
    for (const auto &check : well.checks) {
        CHECK(check.verdict == verdict::good && !check.found.empty() && check.advice.empty());
    }
    CHECK(contains(to_string(well), "good  agent 2:1    answered in "));
    SAME(client.bash(one, "echo hello").run(120s).out(), "hello\n");

    say("a Redis that is not there");
    acclient::options nowhere;
    nowhere.url("redis://:sesame@127.0.0.1:1");
    const auto away = acclient::client::build(nowhere);
    const auto ill = away.doctor(5s);
    CHECK(!ill.is_healthy() && ill.checks.size() == 1);
    CHECK(ill.checks[0].verdict == verdict::bad && !ill.checks[0].advice.empty());
    CHECK(contains(to_string(ill), ": " + ill.checks[0].advice + "\n"));
    CHECK(!contains(to_string(ill), "sesame"));
    BAD(errc::connect, away.try_ping(5s));
    BAD(errc::invalid_argument, away.try_doctor(0s));
    BAD(errc::invalid_argument, acclient::client().try_doctor());
    const auto token = acclient::cancel_token::make();
    token.cancel();
    BAD(errc::cancelled, away.try_doctor(time_limit().or_cancelled(token)));
    acclient::options wrong;
    wrong.max_connections(0);
    BAD(errc::invalid_argument, acclient::client::try_build(wrong));
    wrong.host("a\0b"sv);
    BAD(errc::invalid_argument, acclient::client::try_build(wrong));
}

} // namespace

int main() {
    const auto client = acclient::client::connect(grid_url());
    names();
    in_the_queue();
    on_agents(client);
    once(client);
    doctor();
}
