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
    /// No result: the outcome is not that of an accepted kill.
    none = 0,
    /// The job has ended and its result is available. Its state is KILLED, or another one if the
    /// job ended before the kill reached it.
    ended = ACCLIENT_KILL_ENDED,
    /// The agent has killed the process, now or by an earlier kill, but the job has not ended: a
    /// process that it started still holds the job's output. The result follows when that process
    /// ends.
    ordered = ACCLIENT_KILL_ORDERED,
};

/// Returns the name of a kill result: "ended" or "ordered"; "unknown kill" for any other number.
inline std::string_view to_string(kill_result kill) noexcept {
    return acclient_kill_name(static_cast<std::int32_t>(kill));
}

/// Query for messages that jobs have logged. Default: the newest 20 messages of every level.
struct msg_query {
    /// Levels: "*", or numbers and ranges like "1,2,6-9".
    std::optional<std::string> levels = std::nullopt;
    /// Maximum number of messages per agent, 1 to 1000; the newest are returned.
    std::optional<std::uint32_t> limit = std::nullopt;
    /// Excludes messages logged before this time.
    std::optional<std::chrono::system_clock::time_point> from = std::nullopt;
    /// Excludes messages logged after this time.
    std::optional<std::chrono::system_clock::time_point> to = std::nullopt;
};

namespace detail {

using c_msg_query = handle<acclient_msg_query, acclient_msg_query_free>;

/// Creates the C handle of a query.
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
    /// An empty reference.
    job_ref() noexcept = default;
    /// Borrows a C handle.
    explicit job_ref(const acclient_job *handle) noexcept : handle_(handle) {
    }
    /// Whether there is a job.
    explicit operator bool() const noexcept {
        return handle_ != nullptr;
    }

    /// Returns the id of the command.
    std::string_view id() const noexcept {
        return detail::text(acclient_job_id, handle_);
    }
    /// Returns the agent; 0:0 if the controller itself answered, or <gid>:0 for a target of one
    /// grid.
    agent_id agent() const noexcept {
        agent_id agent;
        acclient_job_agent(handle_, &agent.gid, &agent.nid);
        return agent;
    }
    /// Returns the state: "SUCCESS", "ERROR", "TIMEOUT", "KILLED", "UNKNOWN_CMD", or another string
    /// written by the agent.
    std::string_view state() const noexcept {
        return detail::text(acclient_job_state, handle_);
    }
    /// Returns whether the job ended in the state SUCCESS.
    bool is_success() const noexcept {
        return acclient_job_is_success(handle_);
    }
    /// Returns the name of the command; empty until the job has ended.
    std::string_view cmd() const noexcept {
        return detail::text(acclient_job_cmd, handle_);
    }
    /// Returns the run arguments as JSON, as the agent decoded them; "null" until the job has
    /// ended.
    std::string_view args() const noexcept {
        return detail::text(acclient_job_args, handle_);
    }
    /// Returns the result data: the last message of level 20 to 23 or 30 that the job printed, the
    /// reason why a program could not be started, or the reply of a built-in command. Often empty;
    /// may contain NULs. Agents do not report the exit status of a program.
    std::string_view data() const noexcept {
        return detail::text(acclient_job_data, handle_);
    }
    /// Returns the level of the data: 20 JSON, 21 YAML, 22 TOML, 23 HRD, 30 job, 0 plain text.
    std::int64_t level() const noexcept {
        return acclient_job_level(handle_);
    }
    /// Returns the standard output: the last 1000 lines that have no message level, without blank
    /// lines. May contain NULs. (`stdout` is a macro.)
    std::string_view out() const noexcept {
        return detail::text(acclient_job_stdout, handle_);
    }
    /// Returns the standard error, in the form of out().
    std::string_view err() const noexcept {
        return detail::text(acclient_job_stderr, handle_);
    }
    /// Returns the last message of level 9, if any.
    std::optional<std::string_view> critical() const noexcept {
        return detail::maybe_text(acclient_job_critical, handle_);
    }
    /// Returns the tags that the command was sent with, if any.
    std::optional<std::string_view> tags() const noexcept {
        return detail::maybe_text(acclient_job_tags, handle_);
    }
    /// Returns the start time, by the clock of the agent; nothing if the job did not start.
    std::optional<std::chrono::system_clock::time_point> starttime() const noexcept {
        const std::int64_t milliseconds = acclient_job_starttime_ms(handle_);
        return milliseconds == 0 ? std::nullopt : std::optional(detail::from_c_time(milliseconds));
    }
    /// Returns the run time.
    std::chrono::milliseconds time() const noexcept {
        return std::chrono::milliseconds(acclient_job_time_ms(handle_));
    }
    /// Returns the whole result document as JSON. Fields that this version does not know, or could
    /// not read, are included unchanged; fields nested deeper than 32 levels are omitted.
    std::string_view dump() const noexcept {
        return detail::text(acclient_job_dump, handle_);
    }
    /// Returns the original document, byte for byte, if it differs from what the other functions
    /// return: numbers not written in digits, fields of the wrong type, duplicate names or names in
    /// another case, and invalid text (bytes that are not UTF-8, lone surrogates), which all other
    /// functions return as U+FFFD. Nothing for any other document; see dump().
    std::optional<std::string_view> raw() const noexcept {
        return detail::maybe_text(acclient_job_raw, handle_);
    }
    /// Returns the names of the fields that could not be read, or only in part: of the wrong type,
    /// out of range, or nested deeper than 32 levels. A dropped field counts as absent; raw()
    /// includes it. The original agents send no such fields. acclient_job_dropped_fields_count()
    /// describes the accepted forms.
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
    /// Reads the current state of the job into a new object. Throws errc::protocol if the job is
    /// gone or cannot be decoded, and as client::ping().
    acclient::job refresh(const timeout &timeout = {}) const;
    /// Waits until the job has ended and reads its result into a new object. Returns at once if the
    /// job has already ended. A timeout of 0 polls once. Throws as command::next_result().
    acclient::job wait(const timeout &timeout) const;
    /// Kills the job: the agent sends SIGKILL to the process that it started; see command::kill()
    /// for the limits of a kill. Returns kill_result::ended once the result is available, also if
    /// the job had ended before, or kill_result::ordered if a process still holds the job's output
    /// a second after the kill. Throws errc::not_running if the agent does not run the job;
    /// errc::timeout for an agent that is down, stopped or full; errc::no_such_agent; and as
    /// request::run().
    kill_result kill(const timeout &timeout = {}) const {
        return try_kill(timeout).value();
    }
    /// Reads the resource usage of the running job: one row, with the fields "cpu" (percent),
    /// "rss", "vms", "swap" (bytes), "cmd" and "debug". Throws errc::job_failed if the job is not
    /// running, and as request::run().
    answer get_stats(const timeout &timeout = {}) const {
        return try_get_stats(timeout).value();
    }
    /// Reads the log of the job. Rows and errors as client::get_msgs().
    answer get_msgs(const msg_query &query = {}, const timeout &timeout = {}) const {
        return try_get_msgs(query, timeout).value();
    }
    /// Follows the log of the job until the job has ended and its log is complete; see follower.
    /// The limit of the query is ignored. The timeout is for all messages together; without one, an
    /// agent that never returns is waited for indefinitely. Does not block; waiting for an element
    /// does. Throws errc::invalid_argument, errc::cancelled, errc::closed, errc::forked_handle.
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

/// Owner of a job, with the interface of job_ref. It outlives its command and its client.
class ACCLIENT_OWNER job : public detail::owner<job_ref, acclient_job, acclient_job_free> {
  public:
    using owner::owner;

    // As in job_ref, with lifetime annotations.

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

    /// Returns the text.
    std::string_view data() const ACCLIENT_LIFETIMEBOUND {
        return (*this)[0].text("data").value_or("");
    }
    /// Returns the level: 1 for standard output, 2 for standard error, or one that the job chose.
    std::int64_t level() const {
        return (*this)[0].integer("level");
    }
    /// Returns when it was logged, by the clock of the agent.
    std::chrono::system_clock::time_point time() const {
        return detail::from_c_time((*this)[0].integer("epoch"));
    }
    /// Returns its number in the agent's log.
    std::int64_t id() const {
        return (*this)[0].integer("id");
    }
};

/// Log of a running job: each message once, as the job logs it. For one thread at a time.
///
///     auto log = job.follow(timeout::none());
///     for (auto &message : log) { ... }
///
/// Each element is a result<message>, valid until the next. While waiting for one, the follower
/// sends a command to the agent every 250 ms.
///
/// Agents write logs in batches, so messages become visible late, and some after later ones. Each
/// message is returned once, as soon as it is visible. Messages that become visible together are
/// ordered by id; a late one has a smaller id than its predecessor. A message is missed only if it
/// becomes visible more than one second after a message with a greater id; the longest delay
/// measured on the original agent is a fifth of that. The log ends one second after the result of
/// the job or its last message. An agent that dies never writes the messages of its last 100 ms.
///
/// Following continues until the deadline after a lost connection, a restart of the controller and
/// an absence of the agent. The follower keeps the ids of up to 3000 messages.
///
/// After errc::gap, messages may be missing and the log continues; see error_ref::gap(). An agent
/// returns the newest 1000 messages of a level per request, and a job may log more between two
/// polls or before the first. Any other error is the last element: errc::lost for a lost job,
/// within a few seconds of the agent being up; errc::timeout, whose message says how long the agent
/// has not answered; errc::no_such_agent for a command that matched no agent; as request::run().
class follower : public detail::stream<follower, message> {
  public:
    using c_type = acclient_follow;

    /// An empty object.
    follower() noexcept = default;
    /// Takes ownership of a C handle.
    explicit follower(acclient_follow *handle) noexcept : handle_(handle) {
    }

    /// Waits for the next message, until the deadline at most; nothing once the job has ended and
    /// its log is complete. Errors are those of elements.
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
