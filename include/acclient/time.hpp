/// time_limit and cancel_token: part of acclient.hpp, where the conventions are.
#ifndef ACCLIENT_TIME_HPP
#define ACCLIENT_TIME_HPP

#include "error.hpp"

#include <chrono>

namespace acclient {

/// A token that ends calls before their time, from any thread and from a signal handler. It may
/// serve many calls at a time. Once cancelled it stays so. It has to outlive the calls that have
/// it.
class cancel_token {
  public:
    /// An empty token, which ends nothing.
    cancel_token() noexcept = default;
    /// Takes over a C handle.
    explicit cancel_token(acclient_cancel *handle) noexcept : handle_(handle) {
    }

#if ACCLIENT_EXCEPTIONS
    /// Makes a token. Throws errc::system without two free descriptors.
    static cancel_token make() {
        return try_make().value();
    }
#endif
    /// As make(), without exceptions.
    static result<cancel_token> try_make() {
        return detail::made<cancel_token, acclient_cancel>(acclient_cancel_new);
    }

    /// Ends the calls that have this token, at once; later ones end before they start.
    /// Async-signal-safe. errc::forked_handle, with nothing done, in a process other than the one
    /// that made it; errc::invalid_argument for an empty one.
    errc cancel() const noexcept {
        return static_cast<errc>(acclient_cancel_cancel(handle_.get()));
    }
    /// Whether it was cancelled. Async-signal-safe.
    bool is_cancelled() const noexcept {
        return acclient_cancel_is_cancelled(handle_.get());
    }
    /// Whether it is one, and not empty.
    explicit operator bool() const noexcept {
        return handle_ != nullptr;
    }
    /// The C handle, borrowed.
    const acclient_cancel *get() const noexcept {
        return handle_.get();
    }

  private:
    detail::handle<acclient_cancel, acclient_cancel_free> handle_;
};

/// How long a call may take, and perhaps what ends it earlier. Any std::chrono::duration converts
/// to it: `job.wait(10s)`, `job.wait(time_limit::forever().or_cancelled(token))`.
class time_limit {
  public:
    /// 10 s: the limit of calls that only ask Redis or an agent a quick question.
    time_limit() noexcept = default;
    /// A duration, rounded up to milliseconds. One below 0 counts as 0, which looks once where that
    /// makes sense (next_result, wait), and is refused with errc::invalid_argument elsewhere.
    template <class Rep, class Period>
    time_limit(const std::chrono::duration<Rep, Period> &duration) noexcept
        : milliseconds_(bounded(duration)) {
    }
    /// No limit.
    static time_limit forever() noexcept {
        time_limit limit;
        limit.milliseconds_ = -1;
        return limit;
    }
    /// The same limit, and the token ends the call too. It is borrowed.
    time_limit or_cancelled(const cancel_token &token) const noexcept {
        time_limit limit = *this;
        limit.token_ = token.get();
        return limit;
    }

    /// As C takes it: below 0 for ever.
    std::int64_t c_milliseconds() const noexcept {
        return milliseconds_;
    }
    /// As C takes it; may be NULL.
    const acclient_cancel *c_token() const noexcept {
        return token_;
    }

  private:
    template <class Duration> static std::int64_t bounded(const Duration &duration) noexcept {
        using float_milliseconds = std::chrono::duration<double, std::milli>;
        const double wanted = float_milliseconds(duration).count();
        if (!(wanted > 0)) {
            return 0;
        }
        // Beyond 200000 years milliseconds cannot be told from for ever.
        return wanted > 9e15 ? -1 : std::chrono::ceil<std::chrono::milliseconds>(duration).count();
    }

    std::int64_t milliseconds_ = 10000;
    const acclient_cancel *token_ = nullptr;
};

namespace detail {

/// A time as C takes it: milliseconds since 1970, below 0 for none.
inline std::int64_t
c_time(const std::optional<std::chrono::system_clock::time_point> &time) noexcept {
    if (!time) {
        return -1;
    }
    const auto since = std::chrono::floor<std::chrono::milliseconds>(time->time_since_epoch());
    return since.count() < 0 ? 0 : static_cast<std::int64_t>(since.count());
}

/// A time from milliseconds since 1970.
inline std::chrono::system_clock::time_point from_c_time(std::int64_t milliseconds) noexcept {
    using clock = std::chrono::system_clock;
    const std::chrono::milliseconds since(milliseconds);
    return clock::time_point(std::chrono::duration_cast<clock::duration>(since));
}

} // namespace detail
} // namespace acclient

#endif
