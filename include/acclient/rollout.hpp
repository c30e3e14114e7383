/// rollout_plan and rollout: part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_ROLLOUT_HPP
#define ACCLIENT_ROLLOUT_HPP

#include "command.hpp"

namespace acclient {
inline namespace v0_1 {

/// Plan of a rollout, how a command is sent to many agents in batches:
/// `rollout_plan::percent(10).stop_after(3)`. request::rollout() reports an invalid plan.
class rollout_plan {
  public:
    /// Batches of a fixed number of agents, above 0.
    static rollout_plan agents(std::int64_t count) noexcept {
        return {acclient_rollout_plan_agents, count};
    }
    /// Batches of a percentage of the agents, 1 to 100, at least one agent.
    static rollout_plan percent(std::int64_t percent) noexcept {
        return {acclient_rollout_plan_percent, percent};
    }
    /// Returns this plan with a sliding window: the next agent gets its command as soon as one has
    /// answered, so that the window stays full and a slow agent holds up only its own place.
    /// Default: the next batch is sent once all agents of the last have answered.
    rollout_plan sliding() const noexcept {
        rollout_plan plan = *this;
        plan.is_sliding_ = true;
        return plan;
    }
    /// Returns this plan with a limit of failures, above 0, after which no further command is sent:
    /// jobs that end in a state other than SUCCESS, and errors. Default: never stops.
    rollout_plan stop_after(std::int64_t failures) const noexcept {
        rollout_plan plan = *this;
        plan.stop_after_ = failures;
        return plan;
    }
    /// Returns this plan for a number of agents, above 0, chosen at random. Default: all agents, in
    /// the order of their numbers.
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
    /// Creates the C handle of the plan.
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

/// Rollout: a command sent to many agents in batches, with the results in completion order and one
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
/// Each element is a result<job>, valid until the next. A failed job is a result, not an error.
/// Reconnects and retries while Redis is unreachable. An error with an agent() concerns that agent,
/// as for results; after a command that Redis did not confirm (is_maybe_sent()) no further batch is
/// sent. Any other error is the last, and nothing was sent to the remaining agents.
class ACCLIENT_OWNER rollout : public detail::stream<rollout, job> {
  public:
    using c_type = acclient_rollout;

    /// An empty object.
    rollout() noexcept = default;
    /// Takes ownership of a C handle.
    explicit rollout(acclient_rollout *handle) noexcept : handle_(handle) {
    }

    /// Waits for the next result, until the deadline at most, and sends the next batch, or the next
    /// commands of a sliding window, when due; nothing if there are no more or the rollout has
    /// stopped. Errors are those of elements.
    result<std::optional<job>> try_next() {
        return detail::maybe_made<job>(acclient_rollout_next, handle_.get());
    }
    /// Returns all agents of the rollout, in the order of their numbers.
    std::vector<agent_id> agents() const {
        return list(acclient_rollout_agent_count, acclient_rollout_agent);
    }
    /// Returns the number of agents in a batch or in the sliding window; the last batch may have
    /// fewer.
    std::size_t batch_size() const noexcept {
        return acclient_rollout_batch_size(handle_.get());
    }
    /// Returns the agents to which nothing was sent yet. Nothing is sent to them unless another
    /// result is waited for.
    std::vector<agent_id> not_started() const {
        return list(acclient_rollout_not_started_count, acclient_rollout_not_started);
    }
#if ACCLIENT_EXCEPTIONS
    /// Returns the commands in flight, those sent with a result that was not returned yet, in the
    /// order of agents. Does not block.
    ///
    /// In-flight commands stay available after the rollout has ended, to be killed or looked up
    /// again: an agent that did not answer by the deadline may still run its job, and so may one
    /// whose command Redis did not confirm (error::is_maybe_sent()). Commands that were certainly
    /// not sent, or whose result cannot be decoded, are not included. They outlive the rollout,
    /// whose deadline and token do not apply to them.
    ///
    /// Throws errc::panic, and errc::invalid_argument if another thread waits during the call.
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
    /// Returns the number of failures among the results and errors returned so far.
    std::size_t failures() const noexcept {
        return acclient_rollout_failures(handle_.get());
    }
    /// Returns whether sending has stopped although agents are left: after too many failures, after
    /// the deadline, or because the rollout was ended.
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
