/// job, follower, message and msg_query: part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_JOB_HPP
#define ACCLIENT_JOB_HPP

#include "answer.hpp"
#include "time.hpp"

#include <vector>

namespace acclient {
inline namespace v0_1 {

class job;
class follower;

/// Result of a kill that an agent has accepted.
enum class kill_result : std::int32_t {
    /// There is none: the outcome is not that of an accepted kill.
    none = 0,
    /// The job has ended: its result is there. Its state is KILLED, or another one where the job
    /// ended by itself before the kill reached it.
    ended = ACCLIENT_KILL_ENDED,
    /// The agent has killed the process, now or by an earlier kill, but the job goes on: something
    /// that the process started still holds its output. The result follows when that ends.
    ordered = ACCLIENT_KILL_ORDERED,
};

/// Name of the result of a kill: "ended" or "ordered"; "unknown kill" for any other number.
inline std::string_view to_string(kill_result kill) noexcept {
    return acclient_kill_name(static_cast<std::int32_t>(kill));
}

/// Query of messages that jobs have logged. Default: the newest 20 messages of every level.
struct msg_query {
    /// Levels: "*", or numbers and ranges like "1,2,6-9".
    std::optional<std::string> levels = std::nullopt;
    /// Maximum number of messages, of each agent: 1 to 1000; the newest are returned.
    std::optional<std::uint32_t> limit = std::nullopt;
    /// Leaves out messages logged before this time.
    std::optional<std::chrono::system_clock::time_point> from = std::nullopt;
    /// Leaves out messages logged after this time.
    std::optional<std::chrono::system_clock::time_point> to = std::nullopt;
};

namespace detail {

using c_msg_query = handle<acclient_msg_query, acclient_msg_query_free>;

/// A query as C takes it.
inline result<c_msg_query> to_c(const msg_query &query) {
    if (query.levels && holds_nul({*query.levels})) {
        return nul_error();
    }
    acclient_msg_query *handle = nullptr;
    auto made = done(acclient_msg_query_new, &handle);
    c_msg_query owned(handle);
    if (made && query.levels) {
        made = done(acclient_msg_query_set_levels, handle, query.levels->c_str());
    }
    if (made && query.limit) {
        made = done(acclient_msg_query_set_limit, handle, *query.limit);
    }
    if (made && query.from) {
        made = done(acclient_msg_query_set_from, handle, c_time(*query.from));
    }
    if (made && query.to) {
        made = done(acclient_msg_query_set_to, handle, c_time(*query.to));
    }
    return made ? result<c_msg_query>(std::move(owned)) : result<c_msg_query>(made.error());
}

} // namespace detail

/// Result of a command on one agent. Borrowed.
class ACCLIENT_POINTER job_ref {
  public:
    /// Is empty.
    job_ref() noexcept = default;
    /// Borrows a C handle.
    explicit job_ref(const acclient_job *handle) noexcept : handle_(handle) {
    }
    /// Whether there is a job.
    explicit operator bool() const noexcept {
        return handle_ != nullptr;
    }

    /// The id of the command.
    std::string_view id() const noexcept {
        return detail::text(acclient_job_id, handle_);
    }
    /// The agent. Where the controller itself answered it is 0:0, or <gid>:0 for a target of one
    /// grid.
    agent_id agent() const noexcept {
        agent_id agent;
        acclient_job_agent(handle_, &agent.gid, &agent.nid);
        return agent;
    }
    /// The state: "SUCCESS", "ERROR", "TIMEOUT", "KILLED", "UNKNOWN_CMD", or another word that the
    /// agent wrote.
    std::string_view state() const noexcept {
        return detail::text(acclient_job_state, handle_);
    }
    /// Whether the job ended in the state SUCCESS.
    bool is_success() const noexcept {
        return acclient_job_is_success(handle_);
    }
    /// The name of the command. Empty before the job has ended.
    std::string_view cmd() const noexcept {
        return detail::text(acclient_job_cmd, handle_);
    }
    /// The run arguments as the agent decoded them, as JSON; "null" before the job has ended.
    std::string_view args() const noexcept {
        return detail::text(acclient_job_args, handle_);
    }
    /// The result data: the last message of level 20 to 23 or 30 that the job printed, or why a
    /// program could not be started (the exit status of a program is not reported), or the
    /// answer of an agent's built-in command. Often empty. It may contain NULs.
    std::string_view data() const noexcept {
        return detail::text(acclient_job_data, handle_);
    }
    /// Level of the data: 20 JSON, 21 YAML, 22 TOML, 23 HRD, 30 job, 0 plain text.
    std::int64_t level() const noexcept {
        return acclient_job_level(handle_);
    }
    /// Standard output: the last 1000 lines without a level of their own, blank lines left out. It
    /// may contain NULs. (`stdout` is a macro.)
    std::string_view out() const noexcept {
        return detail::text(acclient_job_stdout, handle_);
    }
    /// Standard error, in the same form as out().
    std::string_view err() const noexcept {
        return detail::text(acclient_job_stderr, handle_);
    }
    /// The last message of level 9, if any.
    std::optional<std::string_view> critical() const noexcept {
        return detail::maybe_text(acclient_job_critical, handle_);
    }
    /// The tags that the command was sent with, if any.
    std::optional<std::string_view> tags() const noexcept {
        return detail::maybe_text(acclient_job_tags, handle_);
    }
    /// Start time, by the clock of the agent; none where the job did not start.
    std::optional<std::chrono::system_clock::time_point> starttime() const noexcept {
        const std::int64_t milliseconds = acclient_job_starttime_ms(handle_);
        return milliseconds == 0 ? std::nullopt : std::optional(detail::from_c_time(milliseconds));
    }
    /// Run time.
    std::chrono::milliseconds time() const noexcept {
        return std::chrono::milliseconds(acclient_job_time_ms(handle_));
    }
    /// The whole document as JSON, with fields that this version does not know, and those that it
    /// could not read as they stand in the document. Without fields that nest deeper than 32
    /// levels.
    std::string_view dump() const noexcept {
        return detail::text(acclient_job_dump, handle_);
    }
    /// The document byte for byte, where the other functions say something else than it does: for
    /// numbers in another form than digits, fields of the wrong type, two fields of one name or a
    /// name in another case, and for what is not text (bytes that are not UTF-8, half of a
    /// surrogate pair), in whose place all other texts of the job have U+FFFD. None for all other
    /// documents; for those see dump().
    std::optional<std::string_view> raw() const noexcept {
        return detail::maybe_text(acclient_job_raw, handle_);
    }
    /// Names of the fields that could not be read, or only in part: of the wrong type, out of
    /// range, or nested deeper than 32 levels. Such a field counts as absent; raw() has the
    /// document with it. The original agents send no such field. Only a state is required;
    /// acclient_job_dropped_fields_count() says what is read in which form.
    std::vector<std::string_view> dropped_fields() const {
        std::vector<std::string_view> names(acclient_job_dropped_fields_count(handle_));
        for (std::size_t index = 0; index < names.size(); ++index) {
            std::size_t length = 0;
            const char *name = acclient_job_dropped_fields_at(handle_, index, &length);
            names[index] = name == nullptr ? std::string_view() : std::string_view(name, length);
        }
        return names;
    }
    /// The C handle, borrowed.
    const acclient_job *get() const noexcept {
        return handle_;
    }

#if ACCLIENT_EXCEPTIONS
    /// Reads the current state of the job into a new one. Throws errc::protocol where it cannot be
    /// decoded or is gone, and as client::ping().
    acclient::job refresh(const timeout &timeout = {}) const;
    /// Waits until the job is over, and reads its result into a new one. Returns at once where the
    /// job is over already; a timeout of 0 polls once. Throws as command::next_result().
    acclient::job wait(const timeout &timeout) const;
    /// Kills the job: the agent sends SIGKILL to the process that it started; see command::kill()
    /// for what a kill does not reach. Returns kill_result::ended once the result is there, also
    /// where the job was over before, and kill_result::ordered if something still holds the job's
    /// output a second after the kill. Throws errc::not_running where the agent does not run the
    /// job, so that a kill cannot reach it; errc::timeout for an agent that is down, stopped or
    /// full; errc::no_such_agent; and as request::run().
    kill_result kill(const timeout &timeout = {}) const {
        return try_kill(timeout).value();
    }
    /// Reads what a running job uses: one row, with the fields "cpu" (per cent), "rss", "vms",
    /// "swap" (bytes), "cmd" and "debug". Throws errc::job_failed where the job is not running, and
    /// as request::run().
    answer get_stats(const timeout &timeout = {}) const {
        return try_get_stats(timeout).value();
    }
    /// Reads what the job has logged: rows as those of client::get_msgs(). Throws as that.
    answer get_msgs(const msg_query &query = {}, const timeout &timeout = {}) const {
        return try_get_msgs(query, timeout).value();
    }
    /// Follows the log of the job until the job is over and its log is complete; see follower. The
    /// limit of the query is ignored. The timeout is for all messages; without one, it waits
    /// without end for an agent that never comes back. Does not block: its elements are waited for.
    /// Throws errc::invalid_argument, errc::cancelled, errc::closed, errc::forked_handle.
    acclient::follower follow(const timeout &timeout, const msg_query &query = {}) const;
#endif
    /// As refresh(), without exceptions.
    result<acclient::job> try_refresh(const timeout &timeout = {}) const;
    /// As wait(), without exceptions.
    result<acclient::job> try_wait(const timeout &timeout) const;
    /// As kill(), without exceptions.
    result<kill_result> try_kill(const timeout &timeout = {}) const {
        std::int32_t kill = 0;
        const auto killed = detail::done(acclient_job_kill, handle_, timeout.c_milliseconds(),
                                         timeout.c_token(), &kill);
        if (!killed) {
            return killed.error();
        }
        return static_cast<kill_result>(kill);
    }
    /// As get_stats(), without exceptions.
    result<answer> try_get_stats(const timeout &timeout = {}) const {
        return detail::made_within<answer>(timeout, acclient_job_get_stats, handle_);
    }
    /// As get_msgs(), without exceptions.
    result<answer> try_get_msgs(const msg_query &query = {}, const timeout &timeout = {}) const {
        const auto c_query = detail::to_c(query);
        return c_query ? detail::made_within<answer>(timeout, acclient_job_get_msgs, handle_,
                                                     c_query->get())
                       : c_query.error();
    }
    /// As follow(), without exceptions.
    result<acclient::follower> try_follow(const timeout &timeout,
                                          const msg_query &query = {}) const;

  protected:
    void borrow(const acclient_job *handle) noexcept {
        handle_ = handle;
    }

  private:
    const acclient_job *handle_ = nullptr;
};

/// Job that is owned, with everything that job_ref has. It outlives its command and its client.
class ACCLIENT_OWNER job : public detail::owner<job_ref, acclient_job, acclient_job_free> {
  public:
    using owner::owner;

    // As those of job_ref, with the lifetime of what they return.

    std::string_view id() const noexcept ACCLIENT_LIFETIMEBOUND {
        return job_ref::id();
    }
    std::string_view state() const noexcept ACCLIENT_LIFETIMEBOUND {
        return job_ref::state();
    }
    std::string_view cmd() const noexcept ACCLIENT_LIFETIMEBOUND {
        return job_ref::cmd();
    }
    std::string_view args() const noexcept ACCLIENT_LIFETIMEBOUND {
        return job_ref::args();
    }
    std::string_view data() const noexcept ACCLIENT_LIFETIMEBOUND {
        return job_ref::data();
    }
    std::string_view out() const noexcept ACCLIENT_LIFETIMEBOUND {
        return job_ref::out();
    }
    std::string_view err() const noexcept ACCLIENT_LIFETIMEBOUND {
        return job_ref::err();
    }
    std::optional<std::string_view> critical() const noexcept ACCLIENT_LIFETIMEBOUND {
        return job_ref::critical();
    }
    std::optional<std::string_view> tags() const noexcept ACCLIENT_LIFETIMEBOUND {
        return job_ref::tags();
    }
    std::string_view dump() const noexcept ACCLIENT_LIFETIMEBOUND {
        return job_ref::dump();
    }
    std::optional<std::string_view> raw() const noexcept ACCLIENT_LIFETIMEBOUND {
        return job_ref::raw();
    }
    std::vector<std::string_view> dropped_fields() const ACCLIENT_LIFETIMEBOUND {
        return job_ref::dropped_fields();
    }
};

/// Message that a job logged: an answer of one row.
class ACCLIENT_OWNER message : public answer {
  public:
    using answer::answer;

    /// The text.
    std::string_view data() const ACCLIENT_LIFETIMEBOUND {
        return (*this)[0].text("data").value_or("");
    }
    /// The level: 1 for standard output, 2 for standard error, or one of the job's own.
    std::int64_t level() const {
        return (*this)[0].integer("level");
    }
    /// When it was logged, by the clock of the agent.
    std::chrono::system_clock::time_point time() const {
        return detail::from_c_time((*this)[0].integer("epoch"));
    }
    /// Its number in the agent's log.
    std::int64_t id() const {
        return (*this)[0].integer("id");
    }
};

/// Messages of a job as it logs them, each once. For one thread at a time.
///
///     auto log = job.follow(timeout::none());
///     for (auto &message : log) { ... }
///
/// Each element is a result<message>, valid until the next. While it waits for one it asks the
/// agent every 250 ms, each time with a command.
///
/// Agents write their logs in batches, so that messages become visible late, and some after later
/// ones. A message is returned as soon as it is visible, and once. Messages that become visible
/// together are in the order of their ids; one that comes late has a smaller id than its
/// predecessor. Nothing is missed that becomes visible within one second of a message with a
/// greater id, which is five times the longest delay measured on the original agent. One second
/// after the result of the job, or after its last message, the log ends. Messages of the last 100
/// ms before an agent dies are never written.
///
/// It goes on where a wait for the result would: after a lost connection, and while the controller
/// starts again or the agent is away, until the deadline. It keeps the ids of up to 3000 messages.
///
/// errc::gap means that messages may be missing, after which the next ones follow; error_ref::gap()
/// says where. An agent returns the newest 1000 messages of a level at a time, and a job may log
/// more between two polls, or before the first. Any other error is the last element: errc::lost for
/// a job that is lost, found within a few seconds of the agent being there; errc::timeout, whose
/// message says how long the agent has not answered; errc::no_such_agent for the job of a command
/// that matched no agent; as request::run().
class follower : public detail::stream<follower, message> {
  public:
    using c_type = acclient_follow;

    /// Is empty.
    follower() noexcept = default;
    /// Takes over a C handle.
    explicit follower(acclient_follow *handle) noexcept : handle_(handle) {
    }

    /// Waits for the next message, at most until the deadline; none when the job is over and its
    /// log is complete. Errors are those of elements.
    result<std::optional<message>> try_next() {
        return detail::maybe_made<message>(acclient_follow_next, handle_.get());
    }

  private:
    friend job_ref;

    detail::handle<acclient_follow, acclient_follow_free> handle_;
};

inline job_ref error_ref::job() const noexcept {
    return job_ref(acclient_error_job(handle_));
}

inline job_ref error::job() const noexcept {
    return error_ref::job();
}

inline result<job> job_ref::try_refresh(const timeout &timeout) const {
    return detail::made_within<acclient::job>(timeout, acclient_job_refresh, handle_);
}

inline result<job> job_ref::try_wait(const timeout &timeout) const {
    if (const auto valid = timeout.validate(); !valid) {
        return valid.error();
    }
    return detail::made<acclient::job>(acclient_job_wait, handle_, timeout.c_milliseconds(),
                                       timeout.c_token());
}

inline result<follower> job_ref::try_follow(const timeout &timeout, const msg_query &query) const {
    const auto c_query = detail::to_c(query);
    if (!c_query) {
        return c_query.error();
    }
    auto made =
        detail::made_within<follower>(timeout, acclient_job_follow, handle_, c_query->get());
    if (made) {
        made->keep_alive(timeout.keep_alive());
    }
    return made;
}

#if ACCLIENT_EXCEPTIONS
inline job job_ref::refresh(const timeout &timeout) const {
    return try_refresh(timeout).value();
}

inline job job_ref::wait(const timeout &timeout) const {
    return try_wait(timeout).value();
}

inline follower job_ref::follow(const timeout &timeout, const msg_query &query) const {
    return try_follow(timeout, query).value();
}
#endif

} // namespace v0_1
} // namespace acclient

#endif
