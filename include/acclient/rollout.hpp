/// rollout_plan and rollout: part of acclient.hpp, where the conventions are.
#ifndef ACCLIENT_ROLLOUT_HPP
#define ACCLIENT_ROLLOUT_HPP

#include "command.hpp"

#include <vector>

namespace acclient {

/// How a command is sent to some agents at a time: `rollout_plan::percent(10).stop_after(3)`. What
/// is wrong with it is told by request::rollout().
class rollout_plan {
  public:
    /// So many agents at a time: the next batch begins when all of the last have answered.
    static rollout_plan agents(std::int64_t count) noexcept {
        return {count, 0};
    }
    /// So many per cent of all agents at a time, 1 to 100; at least one agent.
    static rollout_plan percent(std::int64_t percent) noexcept {
        return {0, percent};
    }
    /// The same plan, and no other batch begins after so many failures: jobs that end in another
    /// state than "SUCCESS", and errors. Default, and 0: it never stops.
    rollout_plan stop_after(std::int64_t failures) const noexcept {
        rollout_plan plan = *this;
        plan.stop_after_ = failures;
        return plan;
    }
    /// The same plan for only so many of the agents, chosen at random. Default, and 0: all of them,
    /// in the order of their numbers.
    rollout_plan sample(std::int64_t count) const noexcept {
        rollout_plan plan = *this;
        plan.sample_ = count;
        return plan;
    }

    /// As C takes it; 0 where it is per cent.
    std::int64_t c_batch() const noexcept {
        return batch_;
    }
    /// As C takes it; 0 where it is a number of agents.
    std::int64_t c_percent() const noexcept {
        return percent_;
    }
    /// As C takes it; 0 for never.
    std::int64_t c_stop_after() const noexcept {
        return stop_after_;
    }
    /// As C takes it; 0 for all.
    std::int64_t c_sample() const noexcept {
        return sample_;
    }

  private:
    rollout_plan(std::int64_t batch, std::int64_t percent) noexcept
        : batch_(batch), percent_(percent) {
    }

    std::int64_t batch_;
    std::int64_t percent_;
    std::int64_t stop_after_ = 0;
    std::int64_t sample_ = 0;
};

/// A command on its way to many agents, some at a time, and the results in order of completion,
/// within one limit. It holds a connection of the client while a batch is under way. For one thread
/// at a time.
///
///     auto rollout = request.rollout(rollout_plan::percent(10).stop_after(3), 1h);
///     for (auto &result : rollout) {
///         if (result) { std::cout << result->out(); } else { std::cerr << result.error().what(); }
///     }
///     if (rollout.is_stopped()) { ... rollout.not_started() ... }
///     for (auto &command : rollout.in_flight()) { command.kill(); }
///
/// Each element is a result<job>, valid until the next. A job that failed is a result like any
/// other. While Redis is away it is tried again until the limit. An error with an agent() is about
/// that agent, as those of results; where its command may run or not (is_maybe_sent()), no other
/// batch begins. Any other error is the last: the agents that are left got nothing.
class rollout : public detail::stream<rollout, job> {
  public:
    /// An empty one.
    rollout() noexcept = default;
    /// Takes over a C handle.
    explicit rollout(acclient_rollout *handle) noexcept : handle_(handle) {
    }

    /// Waits for the next result, and sends the next batch where all of the last have answered;
    /// none when there is none left, or it is stopped. Blocks until the limit that it was made
    /// with. Errors are those that elements are.
    result<std::optional<job>> try_next() {
        return detail::maybe_made<job, acclient_job>([&](auto **made, auto **error) {
            return acclient_rollout_next(handle_.get(), made, error);
        });
    }
    /// All agents that it is for, in the order of their numbers.
    std::vector<agent_id> agents() const {
        return list(acclient_rollout_agent_count, acclient_rollout_agent_gid,
                    acclient_rollout_agent_nid);
    }
    /// How many agents get the command at a time; the last batch may have fewer.
    std::size_t batch_size() const noexcept {
        return acclient_rollout_batch_size(handle_.get());
    }
    /// Agents to which nothing was sent, and is not if nobody takes another result.
    std::vector<agent_id> not_started() const {
        return list(acclient_rollout_not_started_count, acclient_rollout_not_started_gid,
                    acclient_rollout_not_started_nid);
    }
#if ACCLIENT_EXCEPTIONS
    /// Commands that were sent and have no result yet among those that were taken, in the order of
    /// their agents; none before the first result, and none once all have answered. Does not block.
    ///
    /// Whatever has ended the rollout, it goes on telling them, so that they can be killed or come
    /// back to: an agent that did not answer by the limit may still be at work, and so may one
    /// whose command Redis did not confirm (error::is_maybe_sent()). A command that surely was not
    /// sent is not among them, and neither is one whose result cannot be read. They outlive the
    /// rollout, and neither its limit nor its token ends their calls.
    ///
    /// Throws errc::panic, and errc::invalid_argument where another thread has taken a result
    /// meanwhile.
    std::vector<command> in_flight() const {
        return try_in_flight().value();
    }
#endif
    /// As in_flight(), without exceptions.
    result<std::vector<command>> try_in_flight() const {
        std::vector<command> commands;
        const std::size_t count = acclient_rollout_in_flight_count(handle_.get());
        for (std::size_t i = 0; i < count; i++) {
            auto found = detail::made<command, acclient_command>([&](auto **made, auto **error) {
                return acclient_rollout_in_flight_command(handle_.get(), i, made, error);
            });
            if (!found) {
                return found.error();
            }
            commands.push_back(std::move(*found));
        }
        return commands;
    }
    /// How many have failed so far, among the results and errors that were taken.
    std::size_t failures() const noexcept {
        return acclient_rollout_failures(handle_.get());
    }
    /// Whether it begins no other batch, though there are agents left: since so many have failed,
    /// or its time is over, or it was ended.
    bool is_stopped() const noexcept {
        return acclient_rollout_is_stopped(handle_.get());
    }

  private:
    std::vector<agent_id> list(decltype(acclient_rollout_agent_count) *count,
                               decltype(acclient_rollout_agent_gid) *gid,
                               decltype(acclient_rollout_agent_nid) *nid) const {
        std::vector<agent_id> agents;
        for (std::size_t i = 0; i < count(handle_.get()); i++) {
            agents.push_back({gid(handle_.get(), i), nid(handle_.get(), i)});
        }
        return agents;
    }

    detail::handle<acclient_rollout, acclient_rollout_free> handle_;
};

} // namespace acclient

#endif
