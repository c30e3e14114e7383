// A program without exceptions and RTTI, compiled with -fno-exceptions -fno-rtti.
#include "check.hpp"

#include <set>

#if ACCLIENT_EXCEPTIONS
#error "compile this program with -fno-exceptions"
#endif

int main() {
    BAD(errc::connect, acclient::client::try_connect("redis://127.0.0.1:1"));
    const auto connected = acclient::client::try_connect(grid_url());
    GOOD(connected);
    const auto &client = *connected;
    GOOD(client.try_ping());

    const auto job = client.bash(target::agent({1, 1}), "echo plain").tags("t").try_run(120s);
    GOOD(job);
    SAME(job->out(), "plain\n");
    BAD(errc::no_such_agent, client.bash(target::agent({9, 9}), "true").try_run(120s));
    BAD(errc::invalid_argument, client.bash(target::agent({0, 9}), "true").try_run(120s));

    auto command = client.execute(target::all(), "echo").arg("x").try_submit();
    GOOD(command);
    auto results = command->try_results(120s);
    GOOD(results);
    std::set<agent_id> agents;
    for (auto &result : *results) {
        GOOD(result);
        agents.insert(result->agent());
    }
    CHECK(agents.size() == 3);
    int count = 0;
    for (;;) {
        const auto next = command->try_next_result(120s);
        GOOD(next);
        if (!*next) {
            break;
        }
        count++;
    }
    CHECK(count == 3);

    const auto listed = client.try_list_agents();
    GOOD(listed);
    CHECK(listed->size() == 3);
    acclient::run_args args;
    args.max_time(5s);
    GOOD(args.try_to_json());
    const auto collected = client.bash(target::all(), "true").run_args(args).try_run_all(120s);
    GOOD(collected);
    CHECK(collected->jobs().size() == 3);
    const auto plan = acclient::rollout_plan::agents(2);
    auto rollout = client.bash(target::all(), "true").try_rollout(plan, 120s);
    GOOD(rollout);
    count = 0;
    for (auto &result : *rollout) {
        GOOD(result);
        count++;
    }
    CHECK(count == 3 && rollout->agents().size() == 3);
    const auto token = acclient::cancel_token::try_make();
    GOOD(token);
    CHECK(token->cancel() == errc::ok);
    BAD(errc::cancelled, client.try_ping(timeout(5s).or_cancelled(*token)));
}
