/// job, follower, message, msg_query: part of acclient.hpp, where the conventions are.
#ifndef ACCLIENT_JOB_HPP
#define ACCLIENT_JOB_HPP

#include "answer.hpp"
#include "time.hpp"

#include <iterator>

namespace acclient {

class job;
class follower;

/// Which messages of a log are wanted.
struct msg_query {
    /// Levels: "*" is all; else numbers and ranges, like "1,2,6-9".
    std::string levels = "*";
    /// At most so many, of each agent: 1 to 1000.
    std::uint32_t limit = 20;
    /// Logged at this time or later.
    std::optional<std::chrono::system_clock::time_point> from = std::nullopt;
    /// Logged at this time or earlier.
    std::optional<std::chrono::system_clock::time_point> to = std::nullopt;
};

/// What one agent has said of a command: its result. Borrowed.
class job_ref {
  public:
    /// An empty one.
    job_ref() noexcept = default;
    /// Of a C handle, which is borrowed.
    explicit job_ref(const acclient_job *handle) noexcept : handle_(handle) {
    }
    /// Whether there is one.
    explicit operator bool() const noexcept {
        return handle_ != nullptr;
    }

    /// The id of the command.
    std::string_view id() const noexcept {
        return detail::text(acclient_job_id, handle_);
    }
    /// The agent; 0:0 where the controller itself answered.
    agent_id agent() const noexcept {
        return {acclient_job_gid(handle_), acclient_job_nid(handle_)};
    }
    /// "SUCCESS", "ERROR", "TIMEOUT", "KILLED", "UNKNOWN_CMD", or another word that the agent
    /// wrote.
    std::string_view state() const noexcept {
        return detail::text(acclient_job_state, handle_);
    }
    /// Whether it ended with "SUCCESS".
    bool is_success() const noexcept {
        return acclient_job_is_success(handle_);
    }
    /// The name of the command. Empty before the job has ended.
    std::string_view cmd() const noexcept {
        return detail::text(acclient_job_cmd, handle_);
    }
    /// The run arguments as the agent understood them, as JSON; "null" before the job has ended.
    std::string_view args() const noexcept {
        return detail::text(acclient_job_args, handle_);
    }
    /// The result proper: the last message of level 20 to 23 or 30 that the job printed, or what an
    /// agent's own command answered. Often empty. It may hold NULs.
    std::string_view data() const noexcept {
        return detail::text(acclient_job_data, handle_);
    }
    /// The level of the data: 20 JSON, 21 YAML, 22 TOML, 23 HRD, 30 job, 0 plain text.
    std::int64_t level() const noexcept {
        return acclient_job_level(handle_);
    }
    /// What it wrote to stdout: the last 1000 lines without a level of their own, blank lines left
    /// out. It may hold NULs. (`stdout` is a macro.)
    std::string_view out() const noexcept {
        return detail::text(acclient_job_stdout, handle_);
    }
    /// What it wrote to stderr, likewise.
    std::string_view err() const noexcept {
        return detail::text(acclient_job_stderr, handle_);
    }
    /// Its last message of level 9, if there was one.
    std::optional<std::string_view> critical() const noexcept {
        return detail::maybe_text(acclient_job_critical, handle_);
    }
    /// The tags that the command was sent with, if any.
    std::optional<std::string_view> tags() const noexcept {
        return detail::maybe_text(acclient_job_tags, handle_);
    }
    /// When it started, by the clock of the agent; none where it did not.
    std::optional<std::chrono::system_clock::time_point> starttime() const noexcept {
        const std::int64_t milliseconds = acclient_job_starttime_ms(handle_);
        return milliseconds == 0 ? std::nullopt : std::optional(detail::from_c_time(milliseconds));
    }
    /// How long it ran.
    std::chrono::milliseconds time() const noexcept {
        return std::chrono::milliseconds(acclient_job_time_ms(handle_));
    }
    /// The whole document as JSON, with fields that this version does not know.
    std::string_view dump() const noexcept {
        return detail::text(acclient_job_dump, handle_);
    }
    /// The document byte for byte, where it held something that is no text: bytes that are no
    /// UTF-8, or half of a surrogate pair. Each stands as U+FFFD in all other texts of the job.
    /// None for all other documents.
    std::optional<std::string_view> raw() const noexcept {
        return detail::maybe_text(acclient_job_raw, handle_);
    }
    /// The C handle, borrowed.
    const acclient_job *get() const noexcept {
        return handle_;
    }

#if ACCLIENT_EXCEPTIONS
    /// Reads again how the job stands, as a job of its own. Blocks. Throws errc::protocol where it
    /// cannot be read or is gone, and what client::ping() throws.
    acclient::job refresh(const time_limit &limit = {}) const;
    /// Waits until the job is over, and reads its result as a job of its own; returns at once where
    /// it is over already, and 0 looks once. Blocks. Throws errc::timeout, and what
    /// command::next_result() throws.
    acclient::job wait(const time_limit &limit) const;
    /// Kills it, with all its processes, and returns once its agent has taken the order; its
    /// result, usually KILLED, follows. Blocks. Throws errc::timeout for an agent that is away, or
    /// busy with an earlier kill of the same job, and what request::run() throws.
    void kill(const time_limit &limit = {}) const {
        try_kill(limit).value();
    }
    /// What it uses at this moment: one row, with the fields "cpu" (per cent), "rss", "vms", "swap"
    /// (bytes), "cmd" and "debug". Blocks. Throws errc::job_failed where it does not run any more,
    /// or not yet, and what request::run() throws.
    answer get_stats(const time_limit &limit = {}) const {
        return try_get_stats(limit).value();
    }
    /// What it has logged: rows as client::get_msgs(). Blocks. Throws as that.
    answer get_msgs(const msg_query &query = {}, const time_limit &limit = {}) const {
        return try_get_msgs(query, limit).value();
    }
    /// Follows its log until it is over and the log has settled: messages of some levels, see
    /// msg_query, until the limit. Does not block: waiting is for the messages. Throws
    /// errc::invalid_argument, errc::cancelled, errc::closed, errc::forked_handle.
    acclient::follower follow(const time_limit &limit, std::string_view levels = "*") const;
#endif
    /// As refresh(), without exceptions.
    result<acclient::job> try_refresh(const time_limit &limit = {}) const;
    /// As wait(), without exceptions.
    result<acclient::job> try_wait(const time_limit &limit) const;
    /// As kill(), without exceptions.
    result<void> try_kill(const time_limit &limit = {}) const {
        return detail::done([&](acclient_error **error) {
            return acclient_job_kill(handle_, limit.c_milliseconds(), limit.c_token(), error);
        });
    }
    /// As get_stats(), without exceptions.
    result<answer> try_get_stats(const time_limit &limit = {}) const {
        return detail::made<answer, acclient_answer>([&](auto **made, auto **error) {
            return acclient_job_get_stats(handle_, limit.c_milliseconds(), limit.c_token(), made,
                                          error);
        });
    }
    /// As get_msgs(), without exceptions.
    result<answer> try_get_msgs(const msg_query &query = {}, const time_limit &limit = {}) const {
        if (detail::holds_nul({query.levels})) {
            return detail::nul_error();
        }
        return detail::made<answer, acclient_answer>([&](auto **made, auto **error) {
            return acclient_job_get_msgs(handle_, query.levels.c_str(), query.limit,
                                         detail::c_time(query.from), detail::c_time(query.to),
                                         limit.c_milliseconds(), limit.c_token(), made, error);
        });
    }
    /// As follow(), without exceptions.
    result<acclient::follower> try_follow(const time_limit &limit,
                                          std::string_view levels = "*") const;

  protected:
    void borrow(const acclient_job *handle) noexcept {
        handle_ = handle;
    }

  private:
    const acclient_job *handle_ = nullptr;
};

/// A job that is owned. All that job_ref has. It outlives its command and its client.
class job : public detail::owner<job_ref, acclient_job, acclient_job_free> {
  public:
    using owner::owner;
};

/// A message that a job logged: an answer of one row.
class message : public answer {
  public:
    using answer::answer;

    /// The text.
    std::string_view data() const {
        return (*this)[0].text("data").value_or("");
    }
    /// The level: 1 for stdout, 2 for stderr, or the job's own.
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

namespace detail {

/// Goes through what a Source waits for: each element is a result<T>, kept in the Source.
template <class Source, class T> class input_iterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = result<T>;
    using difference_type = std::ptrdiff_t;
    using pointer = result<T> *;
    using reference = result<T> &;

    /// The end.
    input_iterator() noexcept = default;
    /// The first element; blocks.
    explicit input_iterator(Source &source) : source_(&source) {
        ++*this;
    }
    reference operator*() const noexcept {
        return *source_->current_;
    }
    pointer operator->() const noexcept {
        return &*source_->current_;
    }
    /// The next element; blocks.
    input_iterator &operator++() {
        source_->advance();
        if (!source_->current_) {
            source_ = nullptr;
        }
        return *this;
    }
    void operator++(int) {
        ++*this;
    }
    bool operator==(const input_iterator &other) const noexcept {
        return source_ == other.source_;
    }
    bool operator!=(const input_iterator &other) const noexcept {
        return source_ != other.source_;
    }

  private:
    Source *source_ = nullptr;
};

/// What a Source waits for, element by element, until a final error or the end. The Source has
/// try_next().
template <class Source, class T> class stream {
  public:
    /// What begin() and end() give.
    using iterator = input_iterator<Source, T>;

#if ACCLIENT_EXCEPTIONS
    /// As try_next(), but throws the errors; it may be called again after those that are not
    /// final.
    std::optional<T> next() {
        return static_cast<Source &>(*this).try_next().value();
    }
#endif
    /// Waits for the next element. Blocks, and so does going on.
    iterator begin() {
        return iterator(static_cast<Source &>(*this));
    }
    /// The end.
    iterator end() noexcept {
        return {};
    }

  private:
    friend iterator;
    friend Source;

    stream() noexcept = default;

    void advance() {
        current_.reset();
        if (over_) {
            return;
        }
        auto next = static_cast<Source &>(*this).try_next();
        if (!next) {
            over_ = next.error().is_final();
            current_.emplace(next.error());
        } else if (*next) {
            current_.emplace(std::move(**next));
        }
    }

    std::optional<result<T>> current_;
    bool over_ = false;
};

} // namespace detail

/// The messages of a job as it logs them, each once, oldest first. For one thread at a time.
///
///     for (auto &message : job.follow(time_limit::forever())) { ... }
///
/// Each element is a result<message>, valid until the next. The error errc::protocol tells that
/// messages were missed (the agent gives its newest thousand), and there may be more; another is
/// the last element: errc::timeout, errc::cancelled, ...
class follower : public detail::stream<follower, message> {
  public:
    /// An empty one.
    follower() noexcept = default;
    /// Takes over a C handle.
    explicit follower(acclient_follow *handle) noexcept : handle_(handle) {
    }

    /// Waits for the next message; none when the job is over and its log has settled. Blocks until
    /// the limit that it was made with. Errors: errc::protocol where messages were missed,
    /// errc::timeout, errc::cancelled, and those of request::run().
    result<std::optional<message>> try_next() {
        return detail::maybe_made<message, acclient_answer>([&](auto **made, auto **error) {
            return acclient_follow_next(handle_.get(), made, error);
        });
    }

  private:
    detail::handle<acclient_follow, acclient_follow_free> handle_;
};

inline job_ref error_ref::job() const noexcept {
    return job_ref(acclient_error_job(handle_));
}

inline result<job> job_ref::try_refresh(const time_limit &limit) const {
    return detail::made<acclient::job, acclient_job>([&](auto **made, auto **error) {
        return acclient_job_refresh(handle_, limit.c_milliseconds(), limit.c_token(), made, error);
    });
}

inline result<job> job_ref::try_wait(const time_limit &limit) const {
    return detail::made<acclient::job, acclient_job>([&](auto **made, auto **error) {
        return acclient_job_wait(handle_, limit.c_milliseconds(), limit.c_token(), made, error);
    });
}

inline result<follower> job_ref::try_follow(const time_limit &limit,
                                            std::string_view levels) const {
    if (detail::holds_nul({levels})) {
        return detail::nul_error();
    }
    return detail::made<follower, acclient_follow>([&](auto **made, auto **error) {
        return acclient_job_follow(handle_, std::string(levels).c_str(), limit.c_milliseconds(),
                                   limit.c_token(), made, error);
    });
}

#if ACCLIENT_EXCEPTIONS
inline job job_ref::refresh(const time_limit &limit) const {
    return try_refresh(limit).value();
}

inline job job_ref::wait(const time_limit &limit) const {
    return try_wait(limit).value();
}

inline follower job_ref::follow(const time_limit &limit, std::string_view levels) const {
    return try_follow(limit, levels).value();
}
#endif

} // namespace acclient

#endif
