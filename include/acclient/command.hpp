/// command, results, job_list, command_list, outcomes and collected: part of acclient.hpp, which
/// describes the conventions.
#ifndef ACCLIENT_COMMAND_HPP
#define ACCLIENT_COMMAND_HPP

#include "job.hpp"
#include "progress.hpp"

#include <vector>

namespace acclient {
inline namespace v0_1 {

/// How results are waited for.
enum class wait_method : std::int32_t {
    /// Not at all: before the first wait and after the last result.
    none = 0,
    /// Blocking command on the last pending list.
    blocking = ACCLIENT_WAIT_BLOCKING,
    /// Push notifications for the lists that were read (client-side tracking).
    tracking = ACCLIENT_WAIT_TRACKING,
    /// Push notifications for all lists of the command (client-side tracking in broadcast mode).
    broadcast = ACCLIENT_WAIT_BROADCAST,
    /// Polling all lists, with an interval of 40 ms.
    polling = ACCLIENT_WAIT_POLLING,
};

/// Returns the name of a method, like "tracking"; "unknown" for any other number.
inline std::string_view to_string(wait_method method) noexcept {
    switch (method) {
    case wait_method::none:
        return "none";
    case wait_method::blocking:
        return "blocking";
    case wait_method::tracking:
        return "tracking";
    case wait_method::broadcast:
        return "broadcast";
    case wait_method::polling:
        return "polling";
    }
    return "unknown";
}

/// Results of one or more commands in completion order, with one deadline. Holds a connection of
/// the client until it is exhausted or destroyed. For one thread at a time.
///
///     for (auto &result : command.results(10s)) {
///         if (result) { std::cout << result->out(); } else { std::cerr << result.error().what(); }
///     }
///
/// Each element is a result<job>, valid until the next. A failed job is a result, not an error. An
/// error that is_final() is the last element. Any other concerns one agent() or one command, and
/// more results may follow: errc::timeout after the deadline, once for each agent that did not
/// answer and for each command that no controller has routed; errc::protocol for a result that
/// cannot be decoded; errc::no_such_agent if the controller knew no agent for the target.
///
/// Programs with an event loop call poll_next() instead:
///
///     while (auto job = results.poll_next()) { ... }
///     if (results.is_pending()) {
///         // Call again when poll_fd() is readable, after poll_timeout() at the latest.
///     }
class results : public detail::stream<results, job> {
  public:
    using c_type = acclient_results;

    /// An empty object.
    results() noexcept = default;
    /// Takes ownership of a C handle.
    explicit results(acclient_results *handle) noexcept : handle_(handle) {
    }

    /// Waits for the next result, until the deadline at most; nothing if there are no more. Errors
    /// are those of elements.
    result<std::optional<job>> try_next() {
        return remember(detail::maybe_made<job>(acclient_results_next, handle_.get()), false);
    }
#if ACCLIENT_EXCEPTIONS
    /// Returns the next result if it is available; nothing if none is available now (is_pending())
    /// or there are no more. Blocks for a round trip to Redis, and to connect, for up to one second
    /// each. Throws the errors of elements; after one that is not final, is_pending() is true.
    std::optional<job> poll_next() {
        return try_poll_next().value();
    }
#endif
    /// As poll_next(), without exceptions.
    result<std::optional<job>> try_poll_next() {
        bool is_pending = false;
        if (!handle_) {
            return detail::empty_error();
        }
        acclient_job *made = nullptr;
        const auto polled =
            detail::done(acclient_results_poll_next, handle_.get(), &made, &is_pending);
        if (!polled) {
            return remember(polled.error(), is_pending);
        }
        return remember(made == nullptr ? std::optional<job>() : job(made), is_pending);
    }
    /// Returns whether more results may follow, as of the last call of next() or poll_next().
    bool is_pending() const noexcept {
        return handle_ != nullptr && is_pending_;
    }
    /// Returns the descriptor that becomes readable when a result may be available; poll it for
    /// reading only. It may change with each call of poll_next(). -1 without a connection.
    int poll_fd() const noexcept {
        return acclient_results_poll_fd(handle_.get());
    }
    /// Returns how long from now to wait for poll_fd() before calling poll_next() anyway, to poll,
    /// reconnect or report the deadline. 0 when that is due, and once all results were returned.
    std::chrono::milliseconds poll_timeout() const noexcept {
        return std::chrono::milliseconds(acclient_results_poll_ms(handle_.get()));
    }
    /// Returns the number of agents that have not answered, as far as the agents of the commands
    /// are known.
    std::size_t remaining() const noexcept {
        return acclient_results_remaining(handle_.get());
    }
    /// Returns how results are waited for.
    wait_method method() const noexcept {
        return static_cast<wait_method>(acclient_results_method(handle_.get()));
    }

  private:
    friend class command_ref;
    friend class client;

    /// Records whether a call leaves results pending.
    result<std::optional<job>> remember(result<std::optional<job>> next, bool is_pending) {
        is_pending_ = next ? next->has_value() || is_pending : !next.error().is_final();
        return next;
    }

    detail::handle<acclient_results, acclient_results_free> handle_;
    bool is_pending_ = true;
};

/// Kind of an outcome.
enum class outcome_kind : std::int32_t {
    /// There is no such outcome.
    none = 0,
    /// The agent answered; see outcome::answer.
    done = ACCLIENT_OUTCOME_DONE,
    /// The job had already ended and the agent was not asked; see outcome::job.
    over = ACCLIENT_OUTCOME_OVER,
    /// The agent refused or did not answer in time; see outcome::error.
    failed = ACCLIENT_OUTCOME_FAILED,
};

/// Returns the name of a kind of outcome: "done", "over" or "failed"; "unknown outcome" for any
/// other number.
inline std::string_view to_string(outcome_kind kind) noexcept {
    return acclient_outcome_name(static_cast<std::int32_t>(kind));
}

/// Outcome of a kill, stats or messages request on one agent; borrowed from outcomes.
struct ACCLIENT_POINTER outcome {
    /// The agent.
    agent_id agent;
    /// The kind, which determines which of the following members is set.
    outcome_kind kind = outcome_kind::none;
    /// The answer of the agent; empty unless done.
    answer_ref answer;
    /// The job; empty unless over.
    job_ref job;
    /// The error; errc::ok unless failed.
    error_ref error;
    /// The result of a kill; none unless done.
    kill_result kill = kill_result::none;
};

namespace detail {

struct outcomes_traits {
    using c_type = acclient_outcomes;
    using value_type = outcome;
    static constexpr auto free = acclient_outcomes_free;
    static std::size_t count(const acclient_outcomes *outcomes) noexcept {
        return acclient_outcomes_count(outcomes);
    }
    static outcome at(const acclient_outcomes *outcomes, std::size_t index) noexcept {
        agent_id agent;
        acclient_outcomes_agent(outcomes, index, &agent.gid, &agent.nid);
        return {agent,
                static_cast<outcome_kind>(acclient_outcomes_kind(outcomes, index)),
                answer_ref(acclient_outcomes_answer(outcomes, index)),
                job_ref(acclient_outcomes_job(outcomes, index)),
                error_ref(acclient_outcomes_error(outcomes, index)),
                static_cast<kill_result>(acclient_outcomes_kill(outcomes, index))};
    }
};

struct job_list_traits {
    using c_type = acclient_jobs;
    using value_type = job_ref;
    static constexpr auto free = acclient_jobs_free;
    static std::size_t count(const acclient_jobs *jobs) noexcept {
        return acclient_jobs_count(jobs);
    }
    static job_ref at(const acclient_jobs *jobs, std::size_t index) noexcept {
        return job_ref(acclient_jobs_at(jobs, index));
    }
};

} // namespace detail

/// Outcome of a kill, stats or messages request on each agent of a command, ordered by agent.
class [[nodiscard]] ACCLIENT_OWNER outcomes : public detail::list<detail::outcomes_traits> {
  public:
    using list::list;

    /// Returns the error of the first agent that failed; errc::ok if none failed. Borrowed.
    error_ref failure() const noexcept ACCLIENT_LIFETIMEBOUND {
        return error_ref(acclient_outcomes_failure(get()));
    }
};

/// Jobs of a command, ordered by agent; the elements are job_ref.
class ACCLIENT_OWNER job_list : public detail::list<detail::job_list_traits> {
  public:
    using list::list;
};

/// A command that was sent or looked up, with access to its results. Borrowed. For one thread at a
/// time, across all references, except for progress() and retract().
class ACCLIENT_POINTER command_ref {
  public:
    /// An empty reference.
    command_ref() noexcept = default;
    /// Borrows a C handle.
    explicit command_ref(const acclient_command *handle) noexcept : handle_(handle) {
    }
    /// Whether there is a command.
    explicit operator bool() const noexcept {
        return handle_ != nullptr;
    }

    /// Returns the id.
    std::string_view id() const noexcept {
        return detail::text(acclient_command_id, handle_);
    }
    /// Returns the handle string, by which client::get_by_handle() looks up the command in any
    /// process and any language: "acclient:1:<id>:<target>", followed by ":queue=<name>" if the
    /// command has a queue.
    std::string_view handle() const noexcept {
        return detail::text(acclient_command_handle, handle_);
    }
    /// Returns the target, like "1:2", "all,role=cpu" or "unknown".
    std::string_view target() const noexcept {
        return detail::text(acclient_command_target, handle_);
    }
    /// Returns the name: "execute", "ping", ...; nothing if this program did not send the command.
    std::optional<std::string_view> cmd() const noexcept {
        return detail::maybe_text(acclient_command_cmd, handle_);
    }
    /// Returns the run arguments as JSON; nothing if this program did not send the command.
    std::optional<std::string_view> args() const noexcept {
        return detail::maybe_text(acclient_command_args, handle_);
    }
    /// Returns the data, which may contain NULs; nothing if this program did not send the command.
    std::optional<std::string_view> data() const noexcept {
        return detail::maybe_text(acclient_command_data, handle_);
    }
    /// Returns the tags; nothing if there are none or this program did not send the command.
    std::optional<std::string_view> tags() const noexcept {
        return detail::maybe_text(acclient_command_tags, handle_);
    }
    /// Returns the JSON that was pushed to the queue or found in the history; nothing for a command
    /// from neither source.
    std::optional<std::string_view> dump() const noexcept {
        return detail::maybe_text(acclient_command_dump, handle_);
    }
    /// The C handle, borrowed.
    const acclient_command *get() const noexcept {
        return handle_;
    }

#if ACCLIENT_EXCEPTIONS
    /// Iterates over the results that next_result() has not returned yet; results returned by the
    /// iteration do not count as returned by next_result(). The timeout is for all of them
    /// together. Does not block; waiting for an element does. Throws errc::invalid_argument, also
    /// for a recurring command without a timeout, errc::cancelled, errc::closed,
    /// errc::forked_handle.
    acclient::results results(const timeout &timeout) const {
        return try_results(timeout).value();
    }
    /// Reads the job of one agent that the command was routed to; see jobs(). The cost does not
    /// depend on the number of agents. Throws errc::protocol if Redis has no such job or it cannot
    /// be decoded, errc::no_such_agent if the controller did not know the agent, and as
    /// client::ping().
    acclient::job job(agent_id agent, const timeout &timeout = {}) const {
        return try_job(agent, timeout).value();
    }
    /// Reads the jobs of all agents that the command was routed to, as Redis has them now: queued,
    /// running or ended. The list is empty until a controller has routed the command. A job is
    /// "RUNNING" from the moment its agent has fetched it, even while it waits in a queue of the
    /// agent; progress() asks the agent. Listed agents that the controller does not know have no
    /// job and are omitted.
    ///
    /// Throws errc::no_such_agent if the controller knew no agent for the target, errc::protocol if
    /// no result can be decoded, and as client::ping(). If only some can, the others are omitted
    /// and logged.
    job_list jobs(const timeout &timeout = {}) const {
        return try_jobs(timeout).value();
    }
    /// Determines the progress of the command on each agent: reads Redis, searches the queue, and
    /// asks the agents that have fetched the command whether they run it. Agents that do not answer
    /// by the deadline are stage::unknown. Agents do not list jobs that wait in their queues. If
    /// the command has a queue and the agent lists no job of it, this function therefore sends a
    /// "ping" through the same queue. Listed agents that the controller does not know are omitted.
    ///
    /// May be called while another thread waits with the command. Throws errc::no_such_agent if the
    /// controller knew no agent for the target, errc::protocol for a result that cannot be decoded,
    /// and as client::ping().
    acclient::progress progress(const timeout &timeout = {}) const {
        return try_progress(timeout).value();
    }
    /// Removes the command from the queue if no controller has taken it, so that it never runs.
    /// Returns whether it was removed; if not, it may run or have run. May be called while another
    /// thread waits with the command. Throws errc::maybe_sent if the connection was lost meanwhile,
    /// and as client::ping().
    bool retract(const timeout &timeout = {}) const {
        return try_retract(timeout).value();
    }
    /// Kills the job on every agent that runs it. outcome::kill is whether the job has ended. Sends
    /// nothing to an agent whose job has ended or is ending after an earlier kill.
    ///
    /// An agent sends SIGKILL to the process that it started and to no other. Children of that
    /// process continue to run, and KILLED is reported when the last of them has closed the job's
    /// output; output after the kill is discarded. The script of a "bash" command is a child of
    /// that process, so it runs to its end; see request::killable(). A kill does not reach a job
    /// that waits in a queue of the agent or for a full agent.
    ///
    /// An agent never answers a second kill of a job that is still ending, and that kill occupies
    /// one of its 100 job slots until it restarts. So this function asks the agent first, and sets
    /// the key cmd.<id>.killed.<gid>.<nid> for 24 hours, from which later calls in any process
    /// learn of the kill.
    ///
    /// Errors of single agents are in their outcomes: errc::not_running if the agent does not run
    /// the job; errc::timeout for an agent that is down, stopped or full; errc::no_such_agent for a
    /// listed agent that the controller does not know. Throws errc::no_such_agent if the controller
    /// knew no agent for the target, errc::timeout if no controller has routed the command, and as
    /// request::submit().
    outcomes kill(const timeout &timeout = {}) const {
        return try_kill(timeout).value();
    }
    /// Reads the resource usage of the command on each agent: answers as those of job::get_stats().
    /// For "bash" it covers the shell that runs the script, without the script. Throws as kill().
    outcomes get_stats(const timeout &timeout = {}) const {
        return try_get_stats(timeout).value();
    }
    /// Reads the log of the command on each agent: answers as those of client::get_msgs(). Throws
    /// as kill().
    outcomes get_msgs(const msg_query &query = {}, const timeout &timeout = {}) const {
        return try_get_msgs(query, timeout).value();
    }
#endif
    /// As results(), without exceptions.
    result<acclient::results> try_results(const timeout &timeout) const {
        auto made =
            detail::made_within<acclient::results>(timeout, acclient_command_results, handle_);
        if (made) {
            made->keep_alive(timeout.keep_alive());
        }
        return made;
    }
    /// As job(), without exceptions.
    result<acclient::job> try_job(agent_id agent, const timeout &timeout = {}) const {
        return detail::made_within<acclient::job>(timeout, acclient_command_job, handle_, agent.gid,
                                                  agent.nid);
    }
    /// As jobs(), without exceptions.
    result<job_list> try_jobs(const timeout &timeout = {}) const {
        return detail::made_within<job_list>(timeout, acclient_command_jobs, handle_);
    }
    /// As progress(), without exceptions.
    result<acclient::progress> try_progress(const timeout &timeout = {}) const {
        if (const auto valid = detail::positive(timeout); !valid) {
            return valid.error();
        }
        acclient_progress *made = nullptr;
        const auto found = detail::done(acclient_command_progress, handle_,
                                        timeout.c_milliseconds(), timeout.c_token(), &made);
        return found ? result<acclient::progress>(detail::read_progress(made))
                     : result<acclient::progress>(found.error());
    }
    /// As retract(), without exceptions.
    result<bool> try_retract(const timeout &timeout = {}) const {
        if (const auto valid = detail::positive(timeout); !valid) {
            return valid.error();
        }
        bool retracted = false;
        const auto done = detail::done(acclient_command_retract, handle_, timeout.c_milliseconds(),
                                       timeout.c_token(), &retracted);
        return done ? result<bool>(retracted) : result<bool>(done.error());
    }
    /// As kill(), without exceptions.
    result<outcomes> try_kill(const timeout &timeout = {}) const {
        return detail::made_within<outcomes>(timeout, acclient_command_kill, handle_);
    }
    /// As get_stats(), without exceptions.
    result<outcomes> try_get_stats(const timeout &timeout = {}) const {
        return detail::made_within<outcomes>(timeout, acclient_command_get_stats, handle_);
    }
    /// As get_msgs(), without exceptions.
    result<outcomes> try_get_msgs(const msg_query &query = {}, const timeout &timeout = {}) const {
        const auto c_query = detail::to_c(query);
        return c_query ? detail::made_within<outcomes>(timeout, acclient_command_get_msgs, handle_,
                                                       c_query->get())
                       : c_query.error();
    }

  protected:
    void borrow(const acclient_command *handle) noexcept {
        handle_ = handle;
    }

  private:
    const acclient_command *handle_ = nullptr;
};

/// Owner of a command, with the interface of command_ref. Its jobs continue to run after it is
/// destroyed.
class ACCLIENT_OWNER command
    : public detail::owner<command_ref, acclient_command, acclient_command_free> {
  public:
    using owner::owner;

#if ACCLIENT_EXCEPTIONS
    /// Waits for the next result that this object has not returned yet; nothing once all results
    /// were returned. A timeout of 0 polls once. Reconnects and retries if the connection is lost.
    /// A failed job is a result, not an error. Throws errc::no_such_agent if the controller knew no
    /// agent for the target, errc::protocol for a result that cannot be decoded,
    /// errc::invalid_argument for a recurring command without a timeout, and as client::ping().
    std::optional<acclient::job> next_result(const timeout &timeout) {
        return try_next_result(timeout).value();
    }
#endif
    /// As next_result(), without exceptions.
    result<std::optional<acclient::job>> try_next_result(const timeout &timeout) {
        return detail::maybe_made_within<acclient::job>(timeout, acclient_command_next_result,
                                                        mutable_get());
    }

    // As in command_ref, with lifetime annotations.

    std::string_view id() const noexcept ACCLIENT_LIFETIMEBOUND {
        return command_ref::id();
    }
    std::string_view handle() const noexcept ACCLIENT_LIFETIMEBOUND {
        return command_ref::handle();
    }
    std::string_view target() const noexcept ACCLIENT_LIFETIMEBOUND {
        return command_ref::target();
    }
    std::optional<std::string_view> cmd() const noexcept ACCLIENT_LIFETIMEBOUND {
        return command_ref::cmd();
    }
    std::optional<std::string_view> args() const noexcept ACCLIENT_LIFETIMEBOUND {
        return command_ref::args();
    }
    std::optional<std::string_view> data() const noexcept ACCLIENT_LIFETIMEBOUND {
        return command_ref::data();
    }
    std::optional<std::string_view> tags() const noexcept ACCLIENT_LIFETIMEBOUND {
        return command_ref::tags();
    }
    std::optional<std::string_view> dump() const noexcept ACCLIENT_LIFETIMEBOUND {
        return command_ref::dump();
    }
};

/// Returns references to commands, for client::wait_any(); valid as long as the vector does not
/// change.
inline std::vector<command_ref> refs(const std::vector<command> &commands ACCLIENT_LIFETIMEBOUND) {
    return {commands.begin(), commands.end()};
}
/// References to temporary commands would dangle.
std::vector<command_ref> refs(const std::vector<command> &&commands) = delete;

namespace detail {

struct command_list_traits {
    using c_type = acclient_commands;
    using value_type = command_ref;
    static constexpr auto free = acclient_commands_free;
    static std::size_t count(const acclient_commands *commands) noexcept {
        return acclient_commands_count(commands);
    }
    static command_ref at(const acclient_commands *commands, std::size_t index) noexcept {
        return command_ref(acclient_commands_at(commands, index));
    }
};

} // namespace detail

/// Commands of the history, most recent first; the elements are command_ref, each for one thread at
/// a time.
class ACCLIENT_OWNER command_list : public detail::list<detail::command_list_traits> {
  public:
    using list::list;
};

/// Results and errors of a command, as collected by request::run_all().
class ACCLIENT_OWNER collected {
  public:
    using c_type = acclient_collected;

    /// An empty object.
    collected() noexcept = default;
    /// Takes ownership of a C handle.
    explicit collected(acclient_collected *handle) noexcept : handle_(handle) {
    }
    /// Returns the command, for waiting for missing results: it does not return the collected ones
    /// again. Borrowed.
    command_ref command() const noexcept ACCLIENT_LIFETIMEBOUND {
        return command_ref(acclient_collected_command(handle_.get()));
    }
    /// Returns the jobs in completion order. Borrowed.
    std::vector<job_ref> jobs() const &ACCLIENT_LIFETIMEBOUND {
        std::vector<job_ref> jobs;
        for (std::size_t i = 0; i < acclient_collected_job_count(handle_.get()); i++) {
            jobs.emplace_back(acclient_collected_job(handle_.get(), i));
        }
        return jobs;
    }
    /// Returns the errors, one for each agent that did not answer. An error that ended the wait for
    /// all agents is the last and names no agent. Borrowed.
    std::vector<error_ref> errors() const &ACCLIENT_LIFETIMEBOUND {
        std::vector<error_ref> errors;
        for (std::size_t i = 0; i < acclient_collected_error_count(handle_.get()); i++) {
            errors.emplace_back(acclient_collected_error(handle_.get(), i));
        }
        return errors;
    }
    /// References into a temporary would dangle, as in `for (auto job :
    /// request.run_all(10s).jobs())`.
    std::vector<job_ref> jobs() const && = delete;
    std::vector<error_ref> errors() const && = delete;
    /// Returns whether the call ended before the deadline and before all agents had answered,
    /// because of a failure or an error.
    bool is_stopped() const noexcept {
        return acclient_collected_is_stopped(handle_.get());
    }

  private:
    detail::handle<acclient_collected, acclient_collected_free> handle_;
};

} // namespace v0_1
} // namespace acclient

#endif
