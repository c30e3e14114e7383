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
    /// A blocking command on the one list that is left.
    blocking = ACCLIENT_WAIT_BLOCKING,
    /// Push notifications for the lists that were read (client-side tracking).
    tracking = ACCLIENT_WAIT_TRACKING,
    /// Push notifications for all lists of the command (client-side tracking in broadcast mode).
    broadcast = ACCLIENT_WAIT_BROADCAST,
    /// Polling all lists, with an interval of 40 ms.
    polling = ACCLIENT_WAIT_POLLING,
};

/// Name of a method, like "tracking"; "unknown" for any other number.
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

/// Results of one or more commands, in order of completion, with one deadline. Holds a connection
/// of the client until it is done or destroyed. For one thread at a time.
///
///     for (auto &result : command.results(10s)) {
///         if (result) { std::cout << result->out(); } else { std::cerr << result.error().what(); }
///     }
///
/// Each element is a result<job>, valid until the next. A job that failed is a result like any
/// other. An error that is_final() is the last element. Any other is about one agent(), or about
/// one command, and further results may follow: errc::timeout, after the deadline, once for each
/// agent that did not answer and for each command that no controller has routed; errc::protocol
/// where a result cannot be decoded; errc::no_such_agent where the controller knew no agent for the
/// target.
///
/// A program with an event loop of its own calls poll_next() instead:
///
///     while (auto job = results.poll_next()) { ... }
///     if (results.is_pending()) {
///         // Call again when poll_fd() is readable, and after poll_timeout() at the latest.
///     }
class results : public detail::stream<results, job> {
  public:
    using c_type = acclient_results;

    /// Is empty.
    results() noexcept = default;
    /// Takes over a C handle.
    explicit results(acclient_results *handle) noexcept : handle_(handle) {
    }

    /// Waits for the next result, at most until the deadline; none when there is none left. Errors
    /// are those of elements.
    result<std::optional<job>> try_next() {
        return remember(detail::maybe_made<job>(acclient_results_next, handle_.get()), false);
    }
#if ACCLIENT_EXCEPTIONS
    /// Returns the next result if there is one now; none when there is none now (is_pending()) or
    /// none left. Blocks for a round trip to Redis, and to connect, up to one second each. Throws
    /// the errors of elements; after one that is not final, is_pending() is true.
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
    /// Whether further results may follow, as of the last call of next() or poll_next(): false once
    /// there is none left, and after a final error.
    bool is_pending() const noexcept {
        return handle_ != nullptr && is_pending_;
    }
    /// Descriptor that becomes readable when there may be a result; to be polled for reading only.
    /// It may be another one after each poll_next(). -1 without a connection.
    int poll_fd() const noexcept {
        return acclient_results_poll_fd(handle_.get());
    }
    /// How long from now to wait for poll_fd() before poll_next() is called all the same: to poll
    /// or to reconnect, and at the deadline. 0 when that time has come, and when all results have
    /// been returned.
    std::chrono::milliseconds poll_timeout() const noexcept {
        return std::chrono::milliseconds(acclient_results_poll_ms(handle_.get()));
    }
    /// Number of agents that have not answered, as far as the agents of the commands are known.
    std::size_t remaining() const noexcept {
        return acclient_results_remaining(handle_.get());
    }
    /// How the results are waited for.
    wait_method method() const noexcept {
        return static_cast<wait_method>(acclient_results_method(handle_.get()));
    }

  private:
    friend class command_ref;
    friend class client;

    /// Keeps whether a call leaves results pending.
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
    /// The agent has answered: there is an answer.
    done = ACCLIENT_OUTCOME_DONE,
    /// The job was over already; the agent was not asked: there is a job.
    over = ACCLIENT_OUTCOME_OVER,
    /// The agent gave no answer in time, or refused: there is an error.
    failed = ACCLIENT_OUTCOME_FAILED,
};

/// Name of a kind of outcome: "done", "over" or "failed"; "unknown outcome" for any other number.
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
    /// Why the agent gave no answer; no error unless failed.
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

/// Outcome of a kill, stats or messages request on each agent of a command, in the order of agents.
class [[nodiscard]] ACCLIENT_OWNER outcomes : public detail::list<detail::outcomes_traits> {
  public:
    using list::list;

    /// Why the first agent that failed gave no answer, borrowed; no error where none has failed.
    error_ref failure() const noexcept ACCLIENT_LIFETIMEBOUND {
        return error_ref(acclient_outcomes_failure(get()));
    }
};

/// Jobs of a command, in the order of agents; the elements are job_ref.
class ACCLIENT_OWNER job_list : public detail::list<detail::job_list_traits> {
  public:
    using list::list;
};

/// Command that was sent, or found again: gives access to its results. Borrowed. For one thread at
/// a time, whichever reference is used, except for progress() and retract().
class ACCLIENT_POINTER command_ref {
  public:
    /// Is empty.
    command_ref() noexcept = default;
    /// Borrows a C handle.
    explicit command_ref(const acclient_command *handle) noexcept : handle_(handle) {
    }
    /// Whether there is a command.
    explicit operator bool() const noexcept {
        return handle_ != nullptr;
    }

    /// The id.
    std::string_view id() const noexcept {
        return detail::text(acclient_command_id, handle_);
    }
    /// The handle string, "acclient:1:<id>:<target>", followed by ":queue=<name>" for a command
    /// with a queue, by which client::get_by_handle() finds the command again, in this process or
    /// another, in any language.
    std::string_view handle() const noexcept {
        return detail::text(acclient_command_handle, handle_);
    }
    /// The target, like "1:2", "all,role=cpu" or "unknown".
    std::string_view target() const noexcept {
        return detail::text(acclient_command_target, handle_);
    }
    /// The name: "execute", "ping", ...; none where this program did not send the command.
    std::optional<std::string_view> cmd() const noexcept {
        return detail::maybe_text(acclient_command_cmd, handle_);
    }
    /// The run arguments that were sent, as JSON; none where this program did not send the command.
    std::optional<std::string_view> args() const noexcept {
        return detail::maybe_text(acclient_command_args, handle_);
    }
    /// The data that was sent; none where this program did not send the command. It may contain
    /// NULs.
    std::optional<std::string_view> data() const noexcept {
        return detail::maybe_text(acclient_command_data, handle_);
    }
    /// The tags that were sent; none without tags, and where this program did not send the command.
    std::optional<std::string_view> tags() const noexcept {
        return detail::maybe_text(acclient_command_tags, handle_);
    }
    /// The JSON that was pushed to the queue; for a command of a history, the JSON found there.
    /// None where this program neither sent the command nor found it in a history.
    std::optional<std::string_view> dump() const noexcept {
        return detail::maybe_text(acclient_command_dump, handle_);
    }
    /// The C handle, borrowed.
    const acclient_command *get() const noexcept {
        return handle_;
    }

#if ACCLIENT_EXCEPTIONS
    /// Iterates over the results that next_result() has not returned yet; results returned here do
    /// not count there. The deadline is for all of them. Does not block: its elements are waited
    /// for. Throws errc::invalid_argument, also for a wait without a timeout for a recurring
    /// command, errc::cancelled, errc::closed, errc::forked_handle.
    acclient::results results(const timeout &timeout) const {
        return try_results(timeout).value();
    }
    /// Reads the job of one of the agents that the command was routed to, as jobs() has it. Costs
    /// the same however many agents there are. Throws errc::protocol where Redis has no such job,
    /// or it cannot be decoded, errc::no_such_agent where the controller did not know the agent,
    /// and as client::ping().
    acclient::job job(agent_id agent, const timeout &timeout = {}) const {
        return try_job(agent, timeout).value();
    }
    /// Reads the job of every agent that the command was routed to, as Redis has it now: queued,
    /// running or over. Empty while no controller has routed the command. A job counts as "RUNNING"
    /// from the moment its agent has fetched it, even while it waits in a queue of the agent;
    /// progress() asks the agent. Agents of a list that the controller does not know have no job
    /// and are left out. Throws errc::no_such_agent where the controller knew no agent for the
    /// target, errc::protocol for a result that cannot be decoded, and as client::ping().
    job_list jobs(const timeout &timeout = {}) const {
        return try_jobs(timeout).value();
    }
    /// Finds out how far the command got on each agent: reads what Redis has, searches the queue,
    /// and asks the agents that have fetched it whether they run it. Agents that do not answer by
    /// the deadline are stage::unknown. A job that its agent does not run may wait in a queue of
    /// the agent, where nobody sees it: if the command has a queue, this sends a "ping" through the
    /// same queue where the agent shows no job of it. Agents of a list that the controller does not
    /// know are left out. May be called while another thread waits with the command. Throws
    /// errc::no_such_agent where the controller knew no agent for the target, errc::protocol for a
    /// result that cannot be decoded, and as client::ping().
    acclient::progress progress(const timeout &timeout = {}) const {
        return try_progress(timeout).value();
    }
    /// Takes the command back if no controller has taken it yet, and returns whether it was still
    /// in the queue: then it never ran and never will; otherwise it may run or have run. May be
    /// called while another thread waits with the command. Throws errc::maybe_sent where the
    /// connection broke meanwhile, and as client::ping().
    bool retract(const timeout &timeout = {}) const {
        return try_retract(timeout).value();
    }
    /// Kills the job on every agent that runs it. outcome::kill tells whether the job has ended.
    /// Nothing is sent where it is over or is ending after an earlier kill.
    ///
    /// An agent sends SIGKILL to the process that it started, and to nothing else. Children of the
    /// process go on, and KILLED is reported when the last of them has closed the job's output;
    /// what is written after the kill is dropped. A script of "bash" is such a child, so it runs to
    /// its end; see request::killable(). A job that waits in a queue of the agent, or for a full
    /// agent, cannot be reached.
    ///
    /// The agent never answers a second kill of a job that is still ending, and that kill takes one
    /// of its 100 places until it restarts. So this asks the agent first, and leaves the key
    /// cmd.<id>.killed.<gid>.<nid>, for 24 hours, by which later calls know, in any process.
    ///
    /// An error of one agent is in its outcome: errc::not_running where the agent does not run the
    /// job, so that a kill cannot reach it; errc::timeout for an agent that is down, stopped or
    /// full; errc::no_such_agent for an agent of a list that the controller does not know. Throws
    /// errc::no_such_agent where the controller knew no agent for the target, errc::timeout where
    /// no controller has routed the command, and as request::submit().
    outcomes kill(const timeout &timeout = {}) const {
        return try_kill(timeout).value();
    }
    /// Reads what the command uses, on each agent: answers as those of job::get_stats(). For "bash"
    /// that is the shell that runs the script, without the script. Throws as kill().
    outcomes get_stats(const timeout &timeout = {}) const {
        return try_get_stats(timeout).value();
    }
    /// Reads what the command has logged, on each agent: answers as those of client::get_msgs().
    /// Throws as kill().
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

/// Command that is owned, with everything that command_ref has. Its jobs go on when it is
/// destroyed.
class ACCLIENT_OWNER command
    : public detail::owner<command_ref, acclient_command, acclient_command_free> {
  public:
    using owner::owner;

#if ACCLIENT_EXCEPTIONS
    /// Waits for the next result: one that this object has not returned yet; none when every result
    /// has been returned. A timeout of 0 polls once. Reconnects and retries when the connection is
    /// lost. A job that failed is a result like any other. Throws errc::no_such_agent where the
    /// controller knew no agent for the target, errc::protocol for a result that cannot be decoded,
    /// errc::invalid_argument also for a wait without a timeout for a recurring command, and as
    /// client::ping().
    std::optional<acclient::job> next_result(const timeout &timeout) {
        return try_next_result(timeout).value();
    }
#endif
    /// As next_result(), without exceptions.
    result<std::optional<acclient::job>> try_next_result(const timeout &timeout) {
        return detail::maybe_made_within<acclient::job>(timeout, acclient_command_next_result,
                                                        mutable_get());
    }

    // As those of command_ref, with the lifetime of what they return.

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

/// References to commands, for client::wait_any(); valid as long as the vector does not change.
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

    /// Is empty.
    collected() noexcept = default;
    /// Takes over a C handle.
    explicit collected(acclient_collected *handle) noexcept : handle_(handle) {
    }
    /// The command, borrowed, for waiting for the missing results: it does not return the collected
    /// ones again.
    command_ref command() const noexcept ACCLIENT_LIFETIMEBOUND {
        return command_ref(acclient_collected_command(handle_.get()));
    }
    /// The jobs, borrowed, in order of completion.
    std::vector<job_ref> jobs() const &ACCLIENT_LIFETIMEBOUND {
        std::vector<job_ref> jobs;
        for (std::size_t i = 0; i < acclient_collected_job_count(handle_.get()); i++) {
            jobs.emplace_back(acclient_collected_job(handle_.get(), i));
        }
        return jobs;
    }
    /// The errors, borrowed: one for each agent that did not answer. One that ended the wait for
    /// all agents is the last, without an agent.
    std::vector<error_ref> errors() const &ACCLIENT_LIFETIMEBOUND {
        std::vector<error_ref> errors;
        for (std::size_t i = 0; i < acclient_collected_error_count(handle_.get()); i++) {
            errors.emplace_back(acclient_collected_error(handle_.get(), i));
        }
        return errors;
    }
    /// References into a temporary would dangle, in `for (auto job : request.run_all(10s).jobs())`.
    std::vector<job_ref> jobs() const && = delete;
    std::vector<error_ref> errors() const && = delete;
    /// Whether the call stopped at a failure, or was ended by an error, before the deadline and
    /// before all agents had answered.
    bool is_stopped() const noexcept {
        return acclient_collected_is_stopped(handle_.get());
    }

  private:
    detail::handle<acclient_collected, acclient_collected_free> handle_;
};

} // namespace v0_1
} // namespace acclient

#endif
