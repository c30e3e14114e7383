// Connecting, options, and commands on one agent.
#include "check.hpp"

#include <algorithm>
#include <cctype>
#include <memory>
#include <mutex>
#include <sstream>
#include <unordered_set>
#include <utility>
#include <vector>

namespace {

const target one = target::agent({1, 1});

void versions() {
    say("version");
    SAME(acclient::version(), "0.1.0");
    CHECK(acclient::version_fits());
}

void times() {
    say("times");
    CHECK(timeout().c_milliseconds() == 10000);
    CHECK(timeout(2s).c_milliseconds() == 2000);
    CHECK(timeout(1us).c_milliseconds() == 1);
    CHECK(timeout(1500us).c_milliseconds() == 2);
    CHECK(timeout(0s).c_milliseconds() == 0);
    CHECK(timeout(-5s).c_milliseconds() == 0);
    CHECK(timeout(std::chrono::nanoseconds::min()).c_milliseconds() == 0);
    CHECK(timeout(std::chrono::hours::min()).c_milliseconds() == 0);
    CHECK(timeout(std::chrono::hours::max()).c_milliseconds() == -1);
    CHECK(timeout(std::chrono::duration<double>(0.0015)).c_milliseconds() == 2);
    CHECK(timeout::none().c_milliseconds() == -1);
    CHECK(timeout::none().c_token() == nullptr);
}

void kinds() {
    say("kinds of errors");
    SAME(to_string(errc::timeout), "timeout");
    SAME(to_string(static_cast<errc>(4711)), "unknown");
    // Every status of acclient.h is an errc of the same name.
    int known = 0;
    for (acclient_status status = 0; status < 100; status++) {
        std::string name(to_string(static_cast<errc>(status)));
        std::transform(name.begin(), name.end(), name.begin(),
                       [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
        if (std::string_view(acclient_status_name(status)) == "unknown status") {
            SAME(name, "UNKNOWN");
            continue;
        }
        SAME(acclient_status_name(status), "ACCLIENT_" + name);
        const std::error_code code = static_cast<errc>(status);
        CHECK(!code.message().empty() && !contains(code.message(), "ACCLIENT"));
        CHECK(code.message() != "unknown error");
        known++;
    }
    CHECK(known == 24);

    say("std::error_code");
    const std::error_code code = errc::timeout;
    CHECK(code.category() == acclient::category());
    SAME(acclient::category().name(), "acclient");
    SAME(code.message(), "deadline exceeded");
    CHECK(code == errc::timeout && code != errc::server && code == std::errc::timed_out);
    CHECK(make_error_code(errc::cancelled) == std::errc::operation_canceled);
    CHECK(make_error_code(errc::invalid_argument) == std::errc::invalid_argument);
    CHECK(make_error_code(errc::unsupported) == std::errc::not_supported);
    CHECK(make_error_code(errc::server) != std::errc::timed_out);
    CHECK(!std::error_code(errc::ok) && std::error_code(errc::panic));
}

// The text that operator<< writes.
template <class T> std::string written(const T &value) {
    std::ostringstream stream;
    stream << value;
    return stream.str();
}

void names() {
    say("names");
    SAME(written(errc::timeout), "timeout");
    SAME(written(agent_id{1, 2}), "1:2");
    SAME(written(acclient::log_level::warn), "warn");
    SAME(written(acclient::wait_method::polling), "polling");
    SAME(written(acclient::stage::in_queue), "in queue");
    SAME(written(acclient::outcome_kind::over), "over");
    SAME(written(acclient::verdict::weak), "weak");
}

void agent_ids() {
    say("agent ids");
    static_assert(agent_id{1, 2} == agent_id{1, 2} && agent_id{1, 2} != agent_id{2, 1});
    static_assert(agent_id{1, 2} < agent_id{2, 1} && agent_id{1, 1} < agent_id{1, 2});
    static_assert(agent_id{2, 1} > agent_id{1, 9} && agent_id{1, 2} <= agent_id{1, 2});
    static_assert(agent_id{1, 2} >= agent_id{1, 2});
    std::unordered_set<agent_id> agents;
    for (std::int64_t gid = 0; gid < 10; gid++) {
        for (std::int64_t nid = 0; nid < 10; nid++) {
            agents.insert({gid, nid});
        }
    }
    CHECK(agents.size() == 100 && agents.count({3, 7}) == 1 && agents.count({3, 70}) == 0);
}

// Makes a call that throws, and returns the error, which outlives the call.
template <class Call> acclient::error thrown(Call call) {
    try {
        call();
    } catch (const std::runtime_error &error) {
        return dynamic_cast<const acclient::error &>(error);
    }
    give_up(__FILE__, __LINE__, "something is thrown", "");
}

void results_and_values() {
    say("results");
    using acclient::result;
    result<std::string> value = std::string("value");
    const result<std::string> failed = acclient::error(errc::timeout, std::string("too") + " late");
    CHECK(value && value.has_value() && value.code() == errc::ok);
    CHECK(!failed && failed.code() == errc::timeout);
    SAME(*value, "value");
    SAME(std::as_const(value).value(), "value");
    SAME(value.value_or("other"), "value");
    SAME(failed.value_or("other"), "other");
    SAME(result<std::string>(failed).value_or("other"), "other");
    SAME(failed.error().what(), "too late");
    SAME(failed.error().message(), "too late");
    try {
        static_cast<void>(failed.value());
        give_up(__FILE__, __LINE__, "value() throws", "");
    } catch (const acclient::error &error) {
        CHECK(error.code() == errc::timeout);
    }
    CHECK(std::move(value).value() == "value");
    const std::string taken = *std::move(value);
    SAME(taken, "value");
    static_assert(
        std::is_same_v<decltype(std::declval<const result<int> &>().value()), const int &>);
    static_assert(
        std::is_same_v<decltype(std::declval<const result<int> &&>().value()), const int &&>);
    static_assert(
        std::is_same_v<decltype(std::declval<result<int>>().error()), acclient::error &&>);
    static_assert(std::is_same_v<decltype(*std::declval<result<int>>()), int &&>);
    // A result without a copyable value.
    result<std::unique_ptr<int>> moved = std::make_unique<int>(1);
    CHECK(*std::move(moved).value_or(nullptr) == 1);

    say("results without a value");
    result<void> done;
    CHECK(done && done.code() == errc::ok);
    done.value();
    done = acclient::error(errc::closed, "closed");
    BAD(errc::closed, done);
    CHECK(thrown([&] { done.value(); }).code() == errc::closed);
    SAME(result<void>(done).error().what(), "closed");
}

void log_hooks() {
    say("the log hook");
    std::mutex mutex;
    std::vector<std::string> logged;
    const auto hook = [&](acclient::log_level level, std::string_view target,
                          std::string_view message) {
        const std::lock_guard<std::mutex> lock(mutex);
        CHECK(contains(target, "acclient::") && !message.empty());
        logged.push_back(written(level) + ' ' + std::string(target));
    };
    acclient::set_log_hook(hook, acclient::log_level::trace);
    acclient::client::connect(grid_url()).ping();
    acclient::set_log_hook(nullptr);
    CHECK(std::find(logged.begin(), logged.end(), "debug acclient::connection") != logged.end());
    const auto count = logged.size();
    acclient::client::connect(grid_url()).ping();
    CHECK(logged.size() == count);
    BAD(errc::invalid_argument,
        acclient::try_set_log_hook(hook, static_cast<acclient::log_level>(99)));
    BAD(errc::invalid_argument,
        acclient::try_set_log_hook(nullptr, static_cast<acclient::log_level>(0)));
}

void connecting() {
    say("failures to connect");
    const auto error = thrown([] { acclient::client::connect("redis://:sesame@127.0.0.1:1"); });
    CHECK(error.code() == errc::connect);
    CHECK(contains(error.what(), "127.0.0.1:1"));
    CHECK(!contains(error.what(), "sesame"));
    SAME(error.what(), error.message());
    CHECK(error.is_retriable() && !error.is_timeout() && !error.is_maybe_sent());
    CHECK(!error.command_handle() && !error.server_code() && !error.agent() && !error.job());
    BAD(errc::invalid_argument, acclient::client::try_connect("redis://127.0.0.1\0:1"sv));
    BAD(errc::invalid_argument, acclient::client::try_connect(grid_url(), 0s));
    BAD(errc::connect, acclient::client::try_connect("rediss://127.0.0.1:1"));

    say("a named instance");
    acclient::client::instance("main").ping();
    BAD(errc::invalid_argument, acclient::client::try_instance("other"));
}

void options() {
    say("options");
    const auto url = grid_url();
    const auto colon = url.rfind(':');
    const auto port = static_cast<std::uint16_t>(std::stoi(url.substr(colon + 1)));
    acclient::options settings;
    settings.host("127.0.0.1").port(port).db(0);
    acclient::client::open(settings).ping();
    settings.db(99);
    BAD(errc::server, acclient::client::try_open(settings));
    SAME(acclient::client::try_open(settings).error().server_code().value(), "ERR");
    settings.url(url);
    acclient::client::open(settings).ping();
    acclient::options wrong_user;
    wrong_user.url(url).user("nobody").password("sesame");
    const auto error = thrown([&] { acclient::client::open(wrong_user); });
    CHECK(error.code() == errc::authentication && !error.is_retriable());
    CHECK(!contains(error.what(), "sesame"));
    acclient::options nowhere;
    nowhere.unix_socket("/nowhere/at/all");
    const auto missing = thrown([&] { acclient::client::open(nowhere); });
    CHECK(missing.code() == errc::connect && contains(missing.what(), "/nowhere/at/all"));

    say("the first error of options is kept");
    acclient::options bad;
    bad.host("a\0b"sv).url("nonsense").port(port);
    BAD(errc::invalid_argument, bad.validate());
    BAD(errc::invalid_argument, acclient::client::try_open(bad));
    CHECK(contains(bad.validate().error().what(), "NUL"));

    say("maximum reply size and connections");
    acclient::options few;
    few.url(url).max_reply(4096).max_connections(1);
    const auto client = acclient::client::open(few);
    const auto large = client.bash(one, "head -c 100000 /dev/zero | tr '\\0' x").try_run(120s);
    CHECK(large.code() == errc::protocol);
    const auto sleeping = client.execute(target::all(), "sleep").arg("1").submit();
    auto results = sleeping.results(120s);
    std::thread waiting([&] { GOOD(results.try_next()); });
    // The wait uses the only connection for waits and does not delay other calls.
    auto other = client.get_by_handle("acclient:1:never:1:1");
    WAIT_UNTIL(other.try_next_result(50ms).code() == errc::pool_exhausted);
    client.ping();
    waiting.join();
}

void successful(const acclient::client &client) {
    say("a successful program and all accessors");
    const auto begun = std::chrono::system_clock::now();
    auto command = client.execute(one, "sh")
                       .args({"-c", "cat; echo \"$0 $1\"; sleep 0.1", "a", "b"})
                       .data("first\n\xc3\xbc\0x"sv)
                       .submit();
    SAME(command.cmd().value(), "execute");
    SAME(command.target(), "1:1");
    SAME(command.handle(), "acclient:1:" + std::string(command.id()) + ":1:1");
    SAME(command.data().value(), "first\n\xc3\xbc\0x"sv);
    CHECK(contains(command.args().value(), "\"name\":\"sh\""));
    CHECK(contains(command.dump().value(), command.id()));
    CHECK(!command.tags());

    const auto job = command.next_result(120s).value();
    SAME(job.id(), command.id());
    CHECK((job.agent() == agent_id{1, 1}));
    SAME(to_string(job.agent()), "1:1");
    SAME(job.state(), "SUCCESS");
    CHECK(job.is_success());
    SAME(job.cmd(), "execute");
    CHECK(contains(job.args(), "\"name\":\"sh\""));
    SAME(job.out(), "first\n\xc3\xbc\0xa b\n"sv);
    SAME(job.err(), "");
    SAME(job.data(), "");
    CHECK(job.level() == 0 && !job.critical() && !job.tags());
    CHECK(job.time() >= 100ms && job.time() < 60s);
    CHECK(job.starttime().value() > begun - 1s && job.starttime().value() < begun + 60s);
    CHECK(contains(job.dump(), "\"SUCCESS\""));
    CHECK(!command.next_result(0s));

    SAME(job.refresh().dump(), job.dump());
    SAME(job.wait(0s).dump(), job.dump());

    auto again = client.get_by_handle(command.handle());
    SAME(again.next_result(10s)->dump(), job.dump());
    CHECK(!again.cmd() && !again.args() && !again.data() && !again.dump());
    auto by_id = client.get_by_id(command.id());
    SAME(by_id.target(), "unknown");
    SAME(by_id.next_result(10s)->dump(), job.dump());
}

void requests(const acclient::client &client) {
    say("requests");
    auto made = client.execute(one, "sh").args({"-c", "cat; echo \"$0\" >&2; echo '9::hot'"});
    made.arg("last").data("in\n").id("an-id").tags("some tags");
    GOOD(made.validate());
    auto command = made.submit();
    SAME(command.id(), "an-id");
    SAME(command.tags().value(), "some tags");
    const auto job = command.next_result(120s).value();
    SAME(job.tags().value(), "some tags");
    SAME(job.critical().value(), "hot");
    SAME(job.err(), "last\n");
    SAME(job.out(), "in\n");

    const auto json = client.bash(one, "echo '20::{\"a\": 1}'").run(120s);
    SAME(json.data(), "{\"a\": 1}");
    CHECK(json.level() == 20);
    const auto failed = client.cmd(one, "no_such_command").run(120s);
    SAME(failed.state(), "UNKNOWN_CMD");
    CHECK(!failed.is_success());
    SAME(client.cmd(one, "ping").run(120s).state(), "SUCCESS");

    say("invalid requests send nothing and report the error");
    BAD(errc::invalid_argument, client.execute(one, "a\0b"sv).try_submit());
    BAD(errc::invalid_argument, client.execute(one, "ls").arg("a\0b"sv).tags("x").try_run(5s));
    BAD(errc::invalid_argument, client.execute(target::agent({0, 1}), "ls").try_submit());
    BAD(errc::invalid_argument, client.execute(target::any().role("a\0b"sv), "ls").try_submit());
    BAD(errc::invalid_argument, client.bash(one, "true").data("\xff").validate());
    BAD(errc::invalid_argument, client.bash(one, "true").try_run(0s));
    BAD(errc::invalid_argument, client.bash(one, "true").try_run(-1s));
    acclient::run_args bad;
    bad.max_time(-1s);
    BAD(errc::invalid_argument, client.bash(one, "true").run_args(bad).try_run(5s));
    BAD(errc::invalid_argument, acclient::run_args().merge(bad).try_to_json());
}

void run_args(const acclient::client &client) {
    say("run arguments");
    acclient::run_args args;
    args.domain("d").name("n").max_time(5s).max_restart(2).recurring_period(3s).stats_interval(
        40ms);
    args.loglevels("1").loglevels_db("2-3").loglevels_ac("*").queue("q").working_dir("/tmp");
    args.arg("a").arg("b").env("NAME", "value");
    const auto json = args.to_json();
    const auto row = json[0];
    SAME(row.text("domain").value(), "d");
    SAME(row.text("name").value(), "n");
    CHECK(row.integer("max_time") == 5 && row.integer("max_restart") == 2);
    CHECK(row.integer("recurring_period") == 3 && row.integer("stats_interval") == 40);
    SAME(row.text("loglevels").value(), "1");
    SAME(row.text("loglevels_db").value(), "2-3");
    SAME(row.text("loglevels_ac").value(), "*");
    SAME(row.text("queue").value(), "q");
    SAME(row.text("working_dir").value(), "/tmp");
    SAME(row.text("args").value(), "[\"a\",\"b\"]");
    CHECK(contains(json.json(), "NAME") && contains(json.json(), "value"));
    acclient::run_args more;
    more.name("other").survive_restart();
    args.merge(more);
    SAME(args.to_json()[0].text("name").value(), "other");
    SAME(args.to_json()[0].text("domain").value(), "d");
    CHECK(args.to_json()[0].integer("max_time") == -1);

    acclient::run_args real;
    real.working_dir("/usr").env("COLOUR", "green").max_time(1s);
    const auto job = client.bash(one, "pwd; echo $COLOUR").run_args(real).run(120s);
    SAME(job.out(), "/usr\ngreen\n");
    SAME(client.execute(one, "sleep").arg("30").run_args(real).run(120s).state(), "TIMEOUT");
}

void failing_and_killing(const acclient::client &client) {
    say("an agent that does not exist");
    const auto error = thrown([&] { client.execute(target::agent({9, 9}), "true").run(10s); });
    CHECK(error.code() == errc::no_such_agent);
    CHECK(contains(error.command_handle().value(), ":9:9"));

    say("a failed job in the error of a request");
    const auto over = client.execute(one, "true").run(120s);
    const auto failed = thrown([&] { over.get_stats(); });
    CHECK(failed.code() == errc::job_failed);
    CHECK(failed.job() && !failed.job().is_success());

    say("waits that time out, and kills");
    auto command = client.execute(one, "sleep").arg("600").submit();
    WAIT_UNTIL(!command.jobs().empty());
    const auto jobs = command.jobs();
    CHECK(jobs.size() == 1 && !jobs[1]);
    const auto late = thrown([&] { command.next_result(50ms); });
    CHECK(late.is_timeout() && late.is_retriable());
    SAME(late.command_handle().value(), command.handle());
    BAD(errc::timeout, command.try_next_result(-1s));
    BAD(errc::timeout, jobs[0].try_wait(0s));
    // A process that was just forked has no memory yet.
    const auto has_memory = [&] {
        const auto stats = jobs[0].try_get_stats();
        return stats.has_value() && (*stats)[0].integer("rss") > 0;
    };
    WAIT_UNTIL(has_memory());
    const auto stats = jobs[0].get_stats();
    CHECK(stats.size() == 1 && stats[0].number("cpu") >= 0);
    jobs[0].kill();
    SAME(jobs[0].wait(120s).state(), "KILLED");
    SAME(command.next_result(120s)->state(), "KILLED");

    auto second = client.execute(one, "sleep").arg("600").submit();
    WAIT_UNTIL(!second.jobs().empty());
    CHECK(!second.kill().failure());
    SAME(second.next_result(120s)->state(), "KILLED");
}

void cancelling_and_closing() {
    say("cancel tokens");
    auto client = acclient::client::connect(grid_url());
    auto command = client.execute(one, "sleep").arg("600").submit();
    const auto token = acclient::cancel_token::make();
    CHECK(token && !token.is_cancelled());
    std::thread canceller([&] {
        std::this_thread::sleep_for(50ms);
        CHECK(token.cancel() == errc::ok);
    });
    BAD(errc::cancelled, command.try_next_result(timeout::none().or_cancelled(token)));
    canceller.join();
    CHECK(token.is_cancelled());
    BAD(errc::cancelled, client.try_ping(timeout().or_cancelled(token)));
    CHECK(acclient::cancel_token().cancel() == errc::invalid_argument);
    const auto other = acclient::cancel_token::make();
    const auto two = client.try_ping(timeout(5s).or_cancelled(token).or_cancelled(other));
    BAD(errc::invalid_argument, two);
    CHECK(contains(two.error().what(), "two tokens"));
    const auto scoped = client.with_cancel(other);
    scoped.ping();
    other.cancel();
    BAD(errc::cancelled, scoped.try_ping());
    client.ping();
    BAD(errc::invalid_argument, client.try_with_cancel(acclient::cancel_token()));

    say("closing the client");
    CHECK(!command.kill().failure());
    std::thread closer([&] {
        std::this_thread::sleep_for(50ms);
        client.close();
    });
    const auto ended = command.try_next_result(timeout::none());
    closer.join();
    CHECK(ended || ended.code() == errc::closed);
    BAD(errc::closed, client.try_ping());
}

} // namespace

int main() {
    versions();
    kinds();
    names();
    agent_ids();
    results_and_values();
    times();
    log_hooks();
    connecting();
    options();
    const auto client = acclient::client::connect(grid_url());
    client.ping();
    successful(client);
    requests(client);
    run_args(client);
    failing_and_killing(client);
    cancelling_and_closing();
}
