/// rollout_plan and rollout: part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_ROLLOUT_HPP
#define ACCLIENT_ROLLOUT_HPP

#include "command.hpp"

namespace acclient {
inline namespace v0_1 {

/// How a command is sent to many agents in batches: `rollout_plan::percent(10).stop_after(3)`.
/// request::rollout() reports an invalid plan.
class rollout_plan {
  public:
    /// Batches of a number of agents, above 0.
    static rollout_plan agents(std::int64_t count) noexcept {
        return {acclient_rollout_plan_agents, count};
    }
    /// Batches of a percentage of the agents, 1 to 100, at least one agent.
    static rollout_plan percent(std::int64_t percent) noexcept {
        return {acclient_rollout_plan_percent, percent};
    }
    /// The same plan, and the next agent gets the command as soon as one has answered, so that as
    /// many agents as a batch has are at work all the time: a sliding window. A slow agent takes
    /// one place of it and does not hold up the others. Default: the next batch is sent when all
    /// agents of the last have answered.
    rollout_plan sliding() const noexcept {
        rollout_plan plan = *this;
        plan.is_sliding_ = true;
        return plan;
    }
    /// The same plan, and no further command is sent after this many failures, above 0: jobs that
    /// end in a state other than SUCCESS, and errors. Default: never stops.
    rollout_plan stop_after(std::int64_t failures) const noexcept {
        rollout_plan plan = *this;
        plan.stop_after_ = failures;
        return plan;
    }
    /// The same plan for only some of the agents, above 0, chosen at random. Default: all of them,
    /// in the order of their numbers.
    rollout_plan sample(std::int64_t count) const noexcept {
        rollout_plan plan = *this;
        plan.sample_ = count;
        return plan;
    }

  private:
    friend class request;

    using c_plan = detail::handle<acclient_rollout_plan, acclient_rollout_plan_free>;

    rollout_plan(decltype(acclient_rollout_plan_agents) *make, std::int64_t size) noexcept
        : make_(make), size_(size) {
    }
    /// The plan as C takes it.
    result<c_plan> to_c() const {
        acclient_rollout_plan *handle = nullptr;
        auto made = detail::done(make_, size_, &handle);
        c_plan owned(handle);
        if (made && is_sliding_) {
            made = detail::done(acclient_rollout_plan_set_sliding, handle);
        }
        if (made && stop_after_) {
            made = detail::done(acclient_rollout_plan_set_stop_after, handle, *stop_after_);
        }
        if (made && sample_) {
            made = detail::done(acclient_rollout_plan_set_sample, handle, *sample_);
        }
        return made ? result<c_plan>(std::move(owned)) : result<c_plan>(made.error());
    }

    decltype(acclient_rollout_plan_agents) *make_;
    std::int64_t size_;
    bool is_sliding_ = false;
    std::optional<std::int64_t> stop_after_;
    std::optional<std::int64_t> sample_;
};

/// Command sent to many agents in batches, and the results in order of completion, with one
/// deadline. Holds a connection of the client while a batch is in progress. For one thread at a
/// time.
///
///     auto rollout = request.rollout(rollout_plan::percent(10).stop_after(3), 1h);
///     for (auto &result : rollout) {
///         if (result) { std::cout << result->out(); } else { std::cerr << result.error().what(); }
///     }
///     if (rollout.is_stopped()) { ... rollout.not_started() ... }
///     for (auto &command : rollout.in_flight()) { ... command.kill() ... }
///
/// Each element is a result<job>, valid until the next. A job that failed is a result like any
/// other. Reconnects and retries while Redis is unreachable. An error with an agent() is about that
/// agent, as for results; after a command that Redis did not confirm (is_maybe_sent()) no further
/// batch is sent. Any other error is the last: the remaining agents got nothing.
class ACCLIENT_OWNER rollout : public detail::stream<rollout, job> {
  public:
    using c_type = acclient_rollout;

    /// Is empty.
    rollout() noexcept = default;
    /// Takes over a C handle.
    explicit rollout(acclient_rollout *handle) noexcept : handle_(handle) {
    }

    /// Waits for the next result, at most until the deadline, and sends the next batch where all
    /// agents of the last have answered, or the next commands of a sliding window; none when there
    /// is none left, or the rollout is stopped. Errors are those of elements.
    result<std::optional<job>> try_next() {
        return detail::maybe_made<job>(acclient_rollout_next, handle_.get());
    }
    /// All agents of the rollout, in the order of their numbers.
    std::vector<agent_id> agents() const {
        return list(acclient_rollout_agent_count, acclient_rollout_agent);
    }
    /// Number of agents in a batch, or in the sliding window; the last batch may have fewer.
    std::size_t batch_size() const noexcept {
        return acclient_rollout_batch_size(handle_.get());
    }
    /// Agents to which nothing was sent yet; nothing will be unless another result is waited for.
    std::vector<agent_id> not_started() const {
        return list(acclient_rollout_not_started_count, acclient_rollout_not_started);
    }
#if ACCLIENT_EXCEPTIONS
    /// Commands that were sent and whose result was not returned yet, in the order of their agents.
    /// Does not block.
    ///
    /// These commands stay available however the rollout has ended, so that they can be killed or
    /// found again: an agent that did not answer by the deadline may still run its job, and so may
    /// one whose command Redis did not confirm (error::is_maybe_sent()). A command that was
    /// certainly not sent is not among them, nor one whose result cannot be decoded. They outlive
    /// the rollout, whose deadline and token do not apply to them.
    ///
    /// Throws errc::panic, and errc::invalid_argument where another thread has waited for a result
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
            auto found = detail::made<command>(acclient_rollout_in_flight, c_handle(), i);
            if (!found) {
                return found.error();
            }
            commands.push_back(std::move(*found));
        }
        return commands;
    }
    /// Number of failures so far, among the results and errors that were returned.
    std::size_t failures() const noexcept {
        return acclient_rollout_failures(handle_.get());
    }
    /// Whether no further batch is sent though there are agents left: after too many failures,
    /// after the deadline, or because the rollout was ended.
    bool is_stopped() const noexcept {
        return acclient_rollout_is_stopped(handle_.get());
    }

  private:
    friend class request;

    const acclient_rollout *c_handle() const noexcept {
        return handle_.get();
    }
    std::vector<agent_id> list(decltype(acclient_rollout_agent_count) *count,
                               decltype(acclient_rollout_agent) *at) const {
        std::vector<agent_id> agents;
        for (std::size_t i = 0; i < count(c_handle()); i++) {
            agent_id agent;
            at(c_handle(), i, &agent.gid, &agent.nid);
            agents.push_back(agent);
        }
        return agents;
    }

    detail::handle<acclient_rollout, acclient_rollout_free> handle_;
};

} // namespace v0_1
} // namespace acclient

#endif
