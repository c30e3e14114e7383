// Progress of commands, retracting them, submitting them once, and doctor(). ACCLIENT_QUEUE_URL is
// a Redis that no controller drains.
#include "check.hpp"

#include <cstdio>
#include <map>

namespace {

using acclient::stage;
using acclient::verdict;

const target one = target::agent({1, 1});
const target cpu = target::all().role("cpu");

std::string queue_url() {
    const char *url = std::getenv("ACCLIENT_QUEUE_URL");
    CHECK(url != nullptr);
    return url;
}

void names() {
    say("names");
    SAME(to_string(stage::in_queue), "in queue");
    SAME(to_string(stage::lost), "lost");
    SAME(to_string(stage::none), "unknown stage");
    SAME(to_string(verdict::weak), "weak");
    SAME(to_string(verdict::unknown), "unknown");
    CHECK(acclient::progress().stage == stage::none);
}

void in_the_queue() {
    say("a command that no controller takes is retracted");
    const auto client = acclient::client::connect(queue_url());
    const auto command = client.bash(one, "true # \xc3\xbc").submit();
    CHECK(command.progress().stage == stage::in_queue && command.progress(1s).agents.empty());
    CHECK(command.retract());
    CHECK(!command.retract());
    CHECK(command.progress().stage == stage::lost);
    const auto other = client.bash(one, "true").submit();
    const auto found = client.get_by_handle(other.handle());
    CHECK(found.retract());
    CHECK(found.progress().stage == stage::unknown);
    BAD(errc::invalid_argument, command.try_progress(0s));
    BAD(errc::invalid_argument, command.try_retract(0s));
    BAD(errc::invalid_argument, acclient::command().try_progress());
    BAD(errc::invalid_argument, acclient::command().try_retract());
}

void lost_data() {
    say("a Redis that loses its data");
    const char *url = std::getenv("ACCLIENT_FORGETFUL_URL");
    const char *forget = std::getenv("ACCLIENT_FORGET");
    CHECK(url != nullptr && forget != nullptr);
    const auto client = acclient::client::connect(url);
    auto command = client.bash(one, "true").submit();
    CHECK(!command.progress().redis_lost_data);
    CHECK(std::system(forget) == 0);
    WAIT_UNTIL(client.try_ping());
    const auto late = command.try_next_result(2s);
    CHECK(!late && late.error().is_timeout());
    CHECK(contains(late.error().what(), "Redis lost its data"));
    CHECK(command.progress().redis_lost_data);
}

void on_agents(const acclient::client &client) {
    say("progress while a thread waits with the command");
    auto command = client.execute(cpu, "sleep").arg("600").submit();
    std::thread waiting([&] { SAME(command.next_result(60s)->state(), "KILLED"); });
    const std::map<agent_id, stage> running{{{1, 1}, stage::running}, {{2, 1}, stage::running}};
    WAIT_UNTIL(command.progress().agents == running);
    CHECK(command.progress().stage == stage::running);
    CHECK(!command.retract());
    CHECK(!client.get_by_handle(command.handle()).kill().failure());
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
    say("a command that is submitted twice runs once");
    const std::string path = grid_url().substr(grid_url().rfind(':') + 1);
    const std::string file = "/tmp/acclient-once-cpp-" + std::to_string(std::stoi(path));
    std::remove(file.c_str());
    const auto request = client.bash(one, "echo here >> " + file).id("once");
    for (int i = 0; i < 2; i++) {
        auto command = request.submit_once();
        SAME(command.id(), "once");
        CHECK(command.next_result(120s)->is_success());
    }
    // A second run would have started before this command.
    CHECK(client.bash(one, "true").run(120s).is_success());
    CHECK(lines(file) == 1);
    BAD(errc::id_in_use, client.bash(one, "false").id("once").try_submit_once());
    const auto command = request.submit();
    WAIT_UNTIL(lines(file) == 2);
    std::remove(file.c_str());
    BAD(errc::invalid_argument, client.bash(one, "true").id("a\0b"sv).try_submit_once());
    BAD(errc::invalid_argument, request.try_submit_once(0s));
}

void doctor() {
    say("a healthy grid, with a client that has not connected");
    acclient::options settings;
    settings.url(grid_url());
    const auto client = acclient::client::build(settings);
    const auto healthy = client.doctor();
    std::printf("%s", to_string(healthy).c_str());
    CHECK(healthy.is_healthy() && healthy.checks.size() == 13);
    SAME(healthy.checks[0].name, "redis");
    SAME(healthy.checks[12].name, "agent 2:1");
    for (const auto &made : healthy.checks) {
        CHECK(made.verdict == verdict::good && !made.found.empty() && made.advice.empty());
        CHECK(made.kind == errc::ok);
    }
    CHECK(contains(to_string(healthy), "good     agent 2:1    answered in "));
    SAME(client.bash(one, "echo hello").run(120s).out(), "hello\n");

    say("an unreachable Redis");
    acclient::options nowhere;
    nowhere.url("redis://:sesame@127.0.0.1:1");
    const auto away = acclient::client::build(nowhere);
    const auto ill = away.doctor(5s);
    CHECK(!ill.is_healthy() && ill.checks.size() == 1);
    CHECK(ill.checks[0].verdict == verdict::bad && !ill.checks[0].advice.empty());
    CHECK(ill.checks[0].kind == errc::connect);
    CHECK(contains(to_string(ill), ": " + ill.checks[0].advice + "\n"));
    CHECK(!contains(to_string(ill), "sesame"));
    BAD(errc::connect, away.try_ping(5s));
    BAD(errc::invalid_argument, away.try_doctor(0s));
    BAD(errc::invalid_argument, acclient::client().try_doctor());
    const auto token = acclient::cancel_token::make();
    token.cancel();
    BAD(errc::cancelled, away.try_doctor(timeout().or_cancelled(token)));
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
    lost_data();
    on_agents(client);
    once(client);
    doctor();
}
