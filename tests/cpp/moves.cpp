// Owners: moved-from objects are empty and safe to use and destroy; views and errors stay valid as
// documented.
#include "check.hpp"

#include <type_traits>

namespace {

template <class T> constexpr bool moves_only() {
    return std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
           !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>;
}

static_assert(moves_only<acclient::client>() && moves_only<acclient::cancel_token>());
static_assert(moves_only<acclient::job>() && moves_only<acclient::command>());
static_assert(moves_only<acclient::answer>() && moves_only<acclient::message>());
static_assert(moves_only<acclient::results>() && moves_only<acclient::follower>());
static_assert(moves_only<acclient::job_list>() && moves_only<acclient::command_list>());
static_assert(moves_only<acclient::outcomes>() && moves_only<acclient::collected>());
static_assert(moves_only<acclient::target>() && moves_only<acclient::request>());
static_assert(moves_only<acclient::run_args>() && moves_only<acclient::options>());
static_assert(moves_only<acclient::tunnel>() && moves_only<acclient::rollout>());
static_assert(std::is_nothrow_copy_constructible_v<acclient::rollout_plan>);
static_assert(std::is_nothrow_copy_constructible_v<acclient::error>);
static_assert(std::is_nothrow_copy_assignable_v<acclient::error>);
static_assert(std::is_trivially_copyable_v<acclient::job_ref>);
// Everything is in the namespace of the ABI.
static_assert(std::is_same_v<acclient::job, acclient::v0_1::job>);

// All operations on empty objects.
void empty_ones() {
    say("empty objects");
    const acclient::client client;
    CHECK(!client);
    client.close();
    BAD(errc::invalid_argument, client.try_ping());
    BAD(errc::invalid_argument, client.try_list_agents());
    BAD(errc::invalid_argument, client.try_resolve("1:1"));
    BAD(errc::invalid_argument, client.try_get_by_id("x"));
    BAD(errc::invalid_argument, client.execute(target::agent({1, 1}), "ls").try_submit());
    BAD(errc::invalid_argument, client.try_submit_many({}));
    acclient::command command;
    CHECK(!command && command.id().empty() && !command.cmd());
    BAD(errc::invalid_argument, command.try_next_result(1s));
    const acclient::job job;
    CHECK(!job && job.state().empty() && !job.is_success() && !job.critical() && !job.starttime());
    CHECK(job.agent() == agent_id());
    BAD(errc::invalid_argument, job.try_wait(1s));
    const acclient::answer answer;
    CHECK(!answer && answer.empty() && answer.json().empty() && !answer[0].text("x"));
    CHECK(acclient::job_list().empty() && acclient::command_list().empty());
    CHECK(acclient::outcomes().empty() && !acclient::job_list()[0]);
    const acclient::collected collected;
    CHECK(collected.jobs().empty() && collected.errors().empty() && !collected.command());
    CHECK(!acclient::cancel_token() && acclient::tunnel().local() == 0);
    CHECK(acclient::target().text().empty());
    BAD(errc::invalid_argument, acclient::request().arg("x").try_run(1s));
    // Loops over empty streams end.
    int elements = 0;
    acclient::results results;
    for (auto &result : results) {
        BAD(errc::invalid_argument, result);
        elements++;
    }
    acclient::rollout rollout;
    for (auto &result : rollout) {
        BAD(errc::invalid_argument, result);
        elements++;
    }
    CHECK(rollout.agents().empty() && rollout.not_started().empty());
    CHECK(rollout.failures() == 0 && !rollout.is_stopped());
    acclient::follower follower;
    for (auto &message : follower) {
        BAD(errc::invalid_argument, message);
        elements++;
    }
    CHECK(elements == 3);
    const acclient::error_ref none;
    CHECK(none.code() == errc::ok && none.message().empty() && !none.job());
}

void moved(acclient::client first) {
    say("moving");
    const auto client = std::move(first);
    CHECK(client && !first); // NOLINT: use after move is tested
    BAD(errc::invalid_argument, first.try_ping());
    auto request = client.bash(target::agent({1, 1}), "echo moved").tags("t");
    const auto other_request = std::move(request);
    BAD(errc::invalid_argument, request.try_submit());
    auto command = other_request.submit();
    const auto handle = command.handle();
    auto moved_command = std::move(command);
    CHECK(!command && command.handle().empty());
    // Views stay valid when the owner is moved.
    CHECK(handle.data() == moved_command.handle().data());
    auto job = moved_command.next_result(120s).value();
    const auto out = job.out();
    auto moved_job = std::move(job);
    CHECK(!job && job.out().empty() && moved_job.out().data() == out.data());
    SAME(out, "moved\n");
    const acclient::job_ref ref = moved_job;
    SAME(ref.out(), "moved\n");

    say("assignment to empty objects, to others and to itself");
    job = std::move(moved_job);
    CHECK(job && !moved_job);
    auto second = other_request.run(120s);
    const std::string id(second.id());
    job = std::move(second);
    SAME(job.id(), id);
    CHECK(!second);
    auto &same = job;
    job = std::move(same);
    SAME(job.id(), id);
    acclient::results results = moved_command.results(120s);
    auto moved_results = std::move(results);
    int count = 0;
    for (auto &result : moved_results) {
        GOOD(result);
        count++;
    }
    CHECK(count == 0); // next_result() has returned it
    auto made = acclient::client::try_connect(grid_url());
    GOOD(made);
    acclient::client taken = std::move(*made);
    taken.ping();
    taken = acclient::client();
    CHECK(!taken);
}

void errors_outlive(const acclient::client &client) {
    say("errors outlive the result that they came from");
    std::optional<acclient::error> kept;
    {
        const auto failed = client.execute(target::agent({9, 9}), "true").try_run(10s);
        kept = failed.error();
    }
    auto copy = *kept;
    auto moved = std::move(*kept);
    kept.reset();
    CHECK(copy.code() == errc::no_such_agent && contains(copy.command_handle().value(), ":9:9"));
    copy = acclient::error(errc::timeout, "another");
    SAME(copy.what(), "another");
    CHECK(contains(moved.what(), "9") && contains(moved.command_handle().value(), ":9:9"));
}

acclient::job outlives_its_client() {
    const auto client = acclient::client::connect(grid_url());
    auto command = client.bash(target::agent({1, 1}), "echo late").submit();
    return std::move(*command.next_result(120s));
}

} // namespace

int main() {
    empty_ones();
    moved(acclient::client::connect(grid_url()));
    errors_outlive(acclient::client::connect(grid_url()));
    SAME(outlives_its_client().out(), "late\n");
}
