// Connecting, and commands on one agent, from the first call to the last accessor.
#include "check.hpp"

namespace {

const target one = target::agent(1, 1);

void versions_and_names() {
    say("version and names");
    SAME(acclient::version(), "0.1.0");
    CHECK(acclient::version_fits());
    SAME(name(errc::timeout), "ACCLIENT_TIMEOUT");
    SAME(name(static_cast<errc>(4711)), "unknown status");
}

void times() {
    say("times");
    CHECK(time_limit().c_milliseconds() == 10000);
    CHECK(time_limit(2s).c_milliseconds() == 2000);
    CHECK(time_limit(1us).c_milliseconds() == 1);
    CHECK(time_limit(1500us).c_milliseconds() == 2);
    CHECK(time_limit(0s).c_milliseconds() == 0);
    CHECK(time_limit(-5s).c_milliseconds() == 0);
    CHECK(time_limit(std::chrono::nanoseconds::min()).c_milliseconds() == 0);
    CHECK(time_limit(std::chrono::hours::min()).c_milliseconds() == 0);
    CHECK(time_limit(std::chrono::hours::max()).c_milliseconds() == -1);
    CHECK(time_limit(std::chrono::duration<double>(0.0015)).c_milliseconds() == 2);
    CHECK(time_limit::forever().c_milliseconds() == -1);
    CHECK(time_limit::forever().c_token() == nullptr);
}

// A call that throws an error, which outlives the call.
template <class Call> acclient::error thrown(Call call) {
    try {
        call();
    } catch (const std::runtime_error &error) {
        return dynamic_cast<const acclient::error &>(error);
    }
    give_up(__FILE__, __LINE__, "something is thrown", "");
}

void connecting() {
    say("failures to connect");
    const auto error = thrown([] { acclient::client::connect("redis://:sesame@127.0.0.1:1"); });
    CHECK(error.code() == errc::connect);
    CHECK(contains(error.what(), "127.0.0.1:1"));
    CHECK(!contains(error.what(), "sesame"));
    SAME(error.what(), error.message());
    CHECK(error.is_retriable() && !error.is_timeout() && !error.is_maybe_sent());
    CHECK(!error.command() && !error.server_code() && !error.agent() && !error.job());
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

    say("the first thing that is wrong with them is kept");
    acclient::options bad;
    bad.host("a\0b"sv).url("nonsense").port(port);
    BAD(errc::invalid_argument, bad.check());
    BAD(errc::invalid_argument, acclient::client::try_open(bad));
    CHECK(contains(bad.check().error().what(), "NUL"));

    say("limits");
    acclient::options small;
    small.url(url).max_reply(4096).max_connections(1);
    const auto client = acclient::client::open(small);
    const auto large = client.bash(one, "head -c 100000 /dev/zero | tr '\\0' x").try_run(120s);
    CHECK(large.code() == errc::protocol);
    const auto sleeping = client.execute(target::all(), "sleep").arg("1").submit();
    auto results = sleeping.results(120s);
    std::thread waiting([&] { GOOD(results.try_next()); });
    // The wait has the one connection.
    WAIT_UNTIL(client.try_ping(50ms).code() == errc::pool_exhausted);
    waiting.join();
}

void successful(const acclient::client &client) {
    say("a program that ends well, and all that there is to be read");
    const auto begun = std::chrono::system_clock::now();
    const auto command = client.start(
        {1, 1}, "sh", {"-c", "cat; echo \"$0 $1\"; sleep 0.1", "a", "b"}, "first\n\xc3\xbc\0x"sv);
    SAME(command.cmd().value(), "execute");
    SAME(command.target(), "1:1");
    SAME(command.printed(), "acclient:1:" + std::string(command.id()) + ":1:1");
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

    const auto again = client.command_from(command.printed());
    SAME(again.next_result(10s)->dump(), job.dump());
    CHECK(!again.cmd() && !again.args() && !again.data() && !again.dump());
    const auto by_id = client.command(command.id());
    SAME(by_id.target(), "unknown");
    SAME(by_id.next_result(10s)->dump(), job.dump());
}

void requests(const acclient::client &client) {
    say("requests");
    auto made = client.execute(one, "sh").args({"-c", "cat; echo \"$0\" >&2; echo '9::hot'"});
    made.arg("last").data("in\n").id("an-id").tags("some tags");
    GOOD(made.check());
    const auto command = made.submit();
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

    say("requests that are wrong send nothing, and say so");
    BAD(errc::invalid_argument, client.execute(one, "a\0b"sv).try_submit());
    BAD(errc::invalid_argument, client.execute(one, "ls").arg("a\0b"sv).tags("x").try_run(5s));
    BAD(errc::invalid_argument, client.execute(target::agent(0, 1), "ls").try_submit());
    BAD(errc::invalid_argument,
        client.execute(target::any({std::string("a\0b", 3)}), "ls").try_submit());
    BAD(errc::invalid_argument, client.bash(one, "true").data("\xff").check());
    BAD(errc::invalid_argument, client.bash(one, "true").try_run(0s));
    BAD(errc::invalid_argument, client.bash(one, "true").try_run(-1s));
    acclient::run_args bad;
    bad.max_time(-1s);
    BAD(errc::invalid_argument, client.bash(one, "true").run_args(bad).try_run(5s));
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
    SAME(client.bash(one, "sleep 30").run_args(real).run(120s).state(), "TIMEOUT");
}

void failing_and_killing(const acclient::client &client) {
    say("an agent that is not there");
    const auto error = thrown([&] { client.execute(target::agent(9, 9), "true").run(10s); });
    CHECK(error.code() == errc::no_such_agent);
    CHECK(contains(error.command().value(), ":9:9"));

    say("a job that failed, in the error of a question");
    const auto over = client.execute(one, "true").run(120s);
    const auto told = thrown([&] { over.get_stats(); });
    CHECK(told.code() == errc::job_failed);
    CHECK(told.job() && !told.job().is_success());

    say("waits that time out, and killing");
    const auto command = client.execute(one, "sleep").arg("600").submit();
    WAIT_UNTIL(!command.jobs().empty());
    const auto jobs = command.jobs();
    CHECK(jobs.size() == 1 && !jobs[1]);
    const auto late = thrown([&] { command.next_result(50ms); });
    CHECK(late.is_timeout() && late.is_retriable());
    SAME(late.command().value(), command.printed());
    BAD(errc::timeout, command.try_next_result(-1s));
    BAD(errc::timeout, jobs[0].try_wait(0s));
    WAIT_UNTIL(jobs[0].try_get_stats().has_value());
    const auto stats = jobs[0].get_stats();
    CHECK(stats.size() == 1 && stats[0].integer("rss") > 0 && stats[0].number("cpu") >= 0);
    jobs[0].kill();
    SAME(jobs[0].wait(120s).state(), "KILLED");
    SAME(command.next_result(120s)->state(), "KILLED");

    const auto second = client.execute(one, "sleep").arg("600").submit();
    WAIT_UNTIL(!second.jobs().empty());
    second.kill();
    SAME(second.next_result(120s)->state(), "KILLED");
}

void cancelling_and_closing() {
    say("cancelling");
    auto client = acclient::client::connect(grid_url());
    const auto command = client.execute(one, "sleep").arg("600").submit();
    const auto token = acclient::cancel_token::make();
    CHECK(token && !token.is_cancelled());
    std::thread canceller([&] {
        std::this_thread::sleep_for(50ms);
        CHECK(token.cancel() == errc::ok);
    });
    BAD(errc::cancelled, command.try_next_result(time_limit::forever().or_cancelled(token)));
    canceller.join();
    CHECK(token.is_cancelled());
    BAD(errc::cancelled, client.try_ping(time_limit().or_cancelled(token)));
    CHECK(acclient::cancel_token().cancel() == errc::invalid_argument);

    say("closing");
    command.kill();
    std::thread closer([&] {
        std::this_thread::sleep_for(50ms);
        client.close();
    });
    const auto ended = command.try_next_result(time_limit::forever());
    closer.join();
    CHECK(ended || ended.code() == errc::closed);
    BAD(errc::closed, client.try_ping());
}

} // namespace

int main() {
    versions_and_names();
    times();
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
