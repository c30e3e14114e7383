/// command, results, job_list, command_list, outcomes, collected: part of acclient.hpp, where the
/// conventions are.
#ifndef ACCLIENT_COMMAND_HPP
#define ACCLIENT_COMMAND_HPP

#include "job.hpp"
#include "progress.hpp"

#include <vector>

namespace acclient {

/// The results of one command or several, in order of completion, within one limit. It holds a
/// connection of the client until it is done or destroyed. For one thread at a time.
///
///     for (auto &result : command.results(10s)) {
///         if (result) { std::cout << result->out(); } else { std::cerr << result.error().what(); }
///     }
///
/// Each element is a result<job>, valid until the next. A job that failed is a result like any
/// other. An error with an agent() is about that agent: errc::timeout, after the limit, once for
/// each that did not answer; errc::protocol; errc::no_such_agent. After the limit there is also one
/// errc::timeout for each command that no controller has routed. Any other error is the last
/// element.
class results : public detail::stream<results, job> {
  public:
    /// How it waits.
    enum class method_kind : std::int32_t {
        /// It does not: nothing was asked for yet, or all is there.
        none = 0,
        /// By a blocking command on the one list that is left.
        blocking = ACCLIENT_WAIT_BLOCKING,
        /// The server tells of changes of lists that were read.
        tracking = ACCLIENT_WAIT_TRACKING,
        /// The server tells of changes of all lists of the command.
        broadcast = ACCLIENT_WAIT_BROADCAST,
        /// All lists are looked at every 40 ms.
        looking = ACCLIENT_WAIT_POLLING,
    };

    /// Empty ones.
    results() noexcept = default;
    /// Takes over a C handle.
    explicit results(acclient_results *handle) noexcept : handle_(handle) {
    }

    /// Waits for the next result; none when there is none left. Blocks until the limit that they
    /// were made with. Errors are those that elements are.
    result<std::optional<job>> try_next() {
        return detail::maybe_made<job, acclient_job>([&](auto **made, auto **error) {
            return acclient_results_next(handle_.get(), made, error);
        });
    }
    /// How many agents have not answered, as far as it is known yet whom the commands went to.
    std::size_t remaining() const noexcept {
        return acclient_results_remaining(handle_.get());
    }
    /// How it waits.
    method_kind method() const noexcept {
        return static_cast<method_kind>(acclient_results_method(handle_.get()));
    }

  private:
    detail::handle<acclient_results, acclient_results_free> handle_;
};

/// Jobs of a command, in the order of agents.
class job_list {
  public:
    /// An empty one.
    job_list() noexcept = default;
    /// Takes over a C handle.
    explicit job_list(acclient_jobs *handle) noexcept : handle_(handle) {
    }
    /// How many there are.
    std::size_t size() const noexcept {
        return acclient_jobs_count(handle_.get());
    }
    /// Whether there is none.
    bool empty() const noexcept {
        return size() == 0;
    }
    /// The job at an index, borrowed; empty beyond the last.
    job_ref operator[](std::size_t index) const noexcept {
        return job_ref(acclient_jobs_at(handle_.get(), index));
    }
    /// For range-for: each is a job_ref.
    detail::index_iterator<job_list> begin() const noexcept {
        return {*this, 0};
    }
    /// The end.
    detail::index_iterator<job_list> end() const noexcept {
        return {*this, size()};
    }

  private:
    detail::handle<acclient_jobs, acclient_jobs_free> handle_;
};

/// What came of a question for one agent; borrowed from outcomes.
struct outcome {
    /// What can come of it.
    enum class kind_of : std::int32_t {
        /// There is no such outcome.
        none = 0,
        /// The agent has answered: there is an answer.
        done = ACCLIENT_OUTCOME_DONE,
        /// The job was over already, nothing was asked: there is a job.
        over = ACCLIENT_OUTCOME_OVER,
        /// The agent gave no answer in time, or refused: there is an error.
        failed = ACCLIENT_OUTCOME_FAILED,
    };

    /// The agent.
    agent_id agent;
    /// What came of it; which of the others is there.
    kind_of kind;
    /// What it answered; empty unless done.
    answer_ref answer;
    /// Its job; empty unless over.
    job_ref job;
    /// Why it did not answer; no error unless failed.
    error_ref error;
};

/// What came of a question to every agent that a command went to, in the order of agents.
class outcomes {
  public:
    /// Empty ones.
    outcomes() noexcept = default;
    /// Takes over a C handle.
    explicit outcomes(acclient_outcomes *handle) noexcept : handle_(handle) {
    }
    /// How many agents there are outcomes of.
    std::size_t size() const noexcept {
        return acclient_outcomes_count(handle_.get());
    }
    /// Whether there is none.
    bool empty() const noexcept {
        return size() == 0;
    }
    /// The outcome at an index, borrowed; of kind none beyond the last.
    outcome operator[](std::size_t index) const noexcept {
        const acclient_outcomes *handle = handle_.get();
        return {{acclient_outcomes_gid(handle, index), acclient_outcomes_nid(handle, index)},
                static_cast<outcome::kind_of>(acclient_outcomes_kind(handle, index)),
                answer_ref(acclient_outcomes_answer(handle, index)),
                job_ref(acclient_outcomes_job(handle, index)),
                error_ref(acclient_outcomes_error(handle, index))};
    }
    /// For range-for: each is an outcome.
    detail::index_iterator<outcomes> begin() const noexcept {
        return {*this, 0};
    }
    /// The end.
    detail::index_iterator<outcomes> end() const noexcept {
        return {*this, size()};
    }

  private:
    detail::handle<acclient_outcomes, acclient_outcomes_free> handle_;
};

/// A command that was sent: the way to its results. Borrowed. For one thread at a time, whatever
/// ref of it is used, but for progress() and retract().
class command_ref {
  public:
    /// An empty one.
    command_ref() noexcept = default;
    /// Of a C handle, which is borrowed.
    explicit command_ref(const acclient_command *handle) noexcept : handle_(handle) {
    }
    /// Whether there is one.
    explicit operator bool() const noexcept {
        return handle_ != nullptr;
    }

    /// The id.
    std::string_view id() const noexcept {
        return detail::text(acclient_command_id, handle_);
    }
    /// The printed form, "acclient:1:<id>:<target>", by which client::command_from() finds it
    /// again, in this process or another, in any language.
    std::string_view printed() const noexcept {
        return detail::text(acclient_command_printed, handle_);
    }
    /// Whom it was sent to, like "1:2", "all,role=cpu" or "unknown".
    std::string_view target() const noexcept {
        return detail::text(acclient_command_target, handle_);
    }
    /// The name: "execute", "ping", ...; none where it was not sent by this program.
    std::optional<std::string_view> cmd() const noexcept {
        return detail::maybe_text(acclient_command_cmd, handle_);
    }
    /// The run arguments that were sent, as JSON; none where it was not sent by this program.
    std::optional<std::string_view> args() const noexcept {
        return detail::maybe_text(acclient_command_args, handle_);
    }
    /// The data that was sent; none where it was not sent by this program. It may hold NULs.
    std::optional<std::string_view> data() const noexcept {
        return detail::maybe_text(acclient_command_data, handle_);
    }
    /// The tags that were sent; none where there are none, or it was not sent by this program.
    std::optional<std::string_view> tags() const noexcept {
        return detail::maybe_text(acclient_command_tags, handle_);
    }
    /// The JSON that was pushed to the queue; of a command of a history, as it stands there. None
    /// where it was neither sent by this program nor found in a history.
    std::optional<std::string_view> dump() const noexcept {
        return detail::maybe_text(acclient_command_dump, handle_);
    }
    /// The C handle, borrowed.
    const acclient_command *get() const noexcept {
        return handle_;
    }

#if ACCLIENT_EXCEPTIONS
    /// Waits for the next result: that of an agent whose result this handle has not returned yet;
    /// none when all have been. 0 looks once. A job that failed is a result like any other. Blocks.
    /// Throws errc::timeout, errc::cancelled, errc::closed, errc::no_such_agent, errc::protocol for
    /// a result that cannot be read, errc::invalid_argument for a wait for ever on a recurring
    /// command, and what client::ping() throws.
    std::optional<job> next_result(const time_limit &limit) const {
        return try_next_result(limit).value();
    }
    /// The results that it has not returned yet, within a limit from now; what is given there does
    /// not count here. Does not block: waiting is for the results. Throws errc::invalid_argument,
    /// errc::cancelled, errc::closed, errc::forked_handle.
    acclient::results results(const time_limit &limit) const {
        return try_results(limit).value();
    }
    /// The job of every agent that it went to, as it stands now: running or over. None while no
    /// controller has routed it. Blocks. Throws errc::protocol, and what client::ping() throws.
    job_list jobs(const time_limit &limit = {}) const {
        return try_jobs(limit).value();
    }
    /// How far it got, on each agent, as well as can be found out: reads what Redis has, looks
    /// through the queue, and asks the agents that are said to run it whether they do. Those that
    /// do not answer within the limit are stage::unknown. Blocks. From any thread, also while
    /// another one waits with the command. Throws errc::protocol for a result that cannot be read,
    /// and what client::ping() throws.
    acclient::progress progress(const time_limit &limit = {}) const {
        return try_progress(limit).value();
    }
    /// Takes the command back if no controller has taken it yet. Whether it was still in the queue,
    /// and thus never ran and never will; if not, it may run or have run. Blocks. From any thread,
    /// also while another one waits with the command. Throws errc::maybe_sent where the connection
    /// broke as it was taken back, and what client::ping() throws.
    bool retract(const time_limit &limit = {}) const {
        return try_retract(limit).value();
    }
    /// Kills the job wherever it runs, with all its processes, and returns once its agents have
    /// taken the order; the results, usually KILLED, follow. Where it is over already nothing is
    /// done. Blocks. Throws errc::timeout for an agent that is away, and where no controller has
    /// routed it, errc::no_such_agent, and what request::submit() throws; of several agents the
    /// first.
    void kill(const time_limit &limit = {}) const {
        try_kill(limit).value();
    }
    /// As kill(), with what came of it for each agent. Blocks. Throws errc::timeout where no
    /// controller has routed it, and what request::submit() throws.
    outcomes kill_everywhere(const time_limit &limit = {}) const {
        return try_kill_everywhere(limit).value();
    }
    /// What it uses at this moment, on each agent: answers as job::get_stats(). Blocks. Throws as
    /// kill_everywhere().
    outcomes get_stats(const time_limit &limit = {}) const {
        return try_get_stats(limit).value();
    }
    /// What it has logged, on each agent: answers as client::get_msgs(). Blocks. Throws as
    /// kill_everywhere().
    outcomes get_msgs(const msg_query &query = {}, const time_limit &limit = {}) const {
        return try_get_msgs(query, limit).value();
    }
#endif
    /// As next_result(), without exceptions.
    result<std::optional<job>> try_next_result(const time_limit &limit) const {
        return detail::maybe_made<job, acclient_job>([&](auto **made, auto **error) {
            return acclient_command_next_result(handle_, limit.c_milliseconds(), limit.c_token(),
                                                made, error);
        });
    }
    /// As results(), without exceptions.
    result<acclient::results> try_results(const time_limit &limit) const {
        return detail::made<acclient::results, acclient_results>([&](auto **made, auto **error) {
            return acclient_command_results(handle_, limit.c_milliseconds(), limit.c_token(), made,
                                            error);
        });
    }
    /// As jobs(), without exceptions.
    result<job_list> try_jobs(const time_limit &limit = {}) const {
        return detail::made<job_list, acclient_jobs>([&](auto **made, auto **error) {
            return acclient_command_jobs(handle_, limit.c_milliseconds(), limit.c_token(), made,
                                         error);
        });
    }
    /// As progress(), without exceptions.
    result<acclient::progress> try_progress(const time_limit &limit = {}) const {
        acclient_progress *made = nullptr;
        const auto asked = detail::done([&](acclient_error **error) {
            return acclient_command_progress(handle_, limit.c_milliseconds(), limit.c_token(),
                                             &made, error);
        });
        return asked ? result<acclient::progress>(detail::read_progress(made))
                     : result<acclient::progress>(asked.error());
    }
    /// As retract(), without exceptions.
    result<bool> try_retract(const time_limit &limit = {}) const {
        bool retracted = false;
        const auto asked = detail::done([&](acclient_error **error) {
            return acclient_command_retract(handle_, limit.c_milliseconds(), limit.c_token(),
                                            &retracted, error);
        });
        return asked ? result<bool>(retracted) : result<bool>(asked.error());
    }
    /// As kill(), without exceptions.
    result<void> try_kill(const time_limit &limit = {}) const {
        return detail::done([&](acclient_error **error) {
            return acclient_command_kill(handle_, limit.c_milliseconds(), limit.c_token(), error);
        });
    }
    /// As kill_everywhere(), without exceptions.
    result<outcomes> try_kill_everywhere(const time_limit &limit = {}) const {
        return detail::made<outcomes, acclient_outcomes>([&](auto **made, auto **error) {
            return acclient_command_kill_everywhere(handle_, limit.c_milliseconds(),
                                                    limit.c_token(), made, error);
        });
    }
    /// As get_stats(), without exceptions.
    result<outcomes> try_get_stats(const time_limit &limit = {}) const {
        return detail::made<outcomes, acclient_outcomes>([&](auto **made, auto **error) {
            return acclient_command_get_stats(handle_, limit.c_milliseconds(), limit.c_token(),
                                              made, error);
        });
    }
    /// As get_msgs(), without exceptions.
    result<outcomes> try_get_msgs(const msg_query &query = {}, const time_limit &limit = {}) const {
        if (detail::holds_nul({query.levels})) {
            return detail::nul_error();
        }
        return detail::made<outcomes, acclient_outcomes>([&](auto **made, auto **error) {
            return acclient_command_get_msgs(handle_, query.levels.c_str(), query.limit,
                                             detail::c_time(query.from), detail::c_time(query.to),
                                             limit.c_milliseconds(), limit.c_token(), made, error);
        });
    }

  protected:
    void borrow(const acclient_command *handle) noexcept {
        handle_ = handle;
    }

  private:
    const acclient_command *handle_ = nullptr;
};

/// A command that is owned. All that command_ref has. The job goes on when it is gone.
class command : public detail::owner<command_ref, acclient_command, acclient_command_free> {
  public:
    using owner::owner;
};

/// Refs of commands, for client::wait_any(); valid as long as the commands stay where they are.
inline std::vector<command_ref> refs(const std::vector<command> &commands) {
    return {commands.begin(), commands.end()};
}

/// Commands of the past, most recent first. Each is for one thread at a time.
class command_list {
  public:
    /// An empty one.
    command_list() noexcept = default;
    /// Takes over a C handle.
    explicit command_list(acclient_commands *handle) noexcept : handle_(handle) {
    }
    /// How many there are.
    std::size_t size() const noexcept {
        return acclient_commands_count(handle_.get());
    }
    /// Whether there is none.
    bool empty() const noexcept {
        return size() == 0;
    }
    /// The command at an index, borrowed; empty beyond the last.
    command_ref operator[](std::size_t index) const noexcept {
        return command_ref(acclient_commands_at(handle_.get(), index));
    }
    /// For range-for: each is a command_ref.
    detail::index_iterator<command_list> begin() const noexcept {
        return {*this, 0};
    }
    /// The end.
    detail::index_iterator<command_list> end() const noexcept {
        return {*this, size()};
    }

  private:
    detail::handle<acclient_commands, acclient_commands_free> handle_;
};

/// All that came of a command.
class collected {
  public:
    /// An empty one.
    collected() noexcept = default;
    /// Takes over a C handle.
    explicit collected(acclient_collected *handle) noexcept : handle_(handle) {
    }
    /// The command, borrowed, by which what is missing can be waited for.
    command_ref command() const noexcept {
        return command_ref(acclient_collected_command(handle_.get()));
    }
    /// The jobs, borrowed, in order of completion.
    std::vector<job_ref> jobs() const {
        std::vector<job_ref> jobs;
        for (std::size_t i = 0; i < acclient_collected_job_count(handle_.get()); i++) {
            jobs.emplace_back(acclient_collected_job(handle_.get(), i));
        }
        return jobs;
    }
    /// The errors, borrowed: one for each agent that did not answer. What ended the wait for
    /// everybody is the last, without an agent.
    std::vector<error_ref> errors() const {
        std::vector<error_ref> errors;
        for (std::size_t i = 0; i < acclient_collected_error_count(handle_.get()); i++) {
            errors.emplace_back(acclient_collected_error(handle_.get(), i));
        }
        return errors;
    }
    /// Whether it stopped at a failure, or was ended, before all agents had answered.
    bool stopped() const noexcept {
        return acclient_collected_stopped(handle_.get());
    }

  private:
    detail::handle<acclient_collected, acclient_collected_free> handle_;
};

} // namespace acclient

#endif
