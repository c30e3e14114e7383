/// cancel_token and timeout: part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_TIME_HPP
#define ACCLIENT_TIME_HPP

#include "result.hpp"

#include <chrono>

#if defined(__cpp_lib_jthread)
#include <stop_token>
#endif

namespace acclient {
inline namespace v0_1 {

/// Cancel token: ends calls early, from any thread or signal handler. One token may be passed to
/// many calls at a time and must outlive them. A cancelled token stays cancelled.
class ACCLIENT_OWNER cancel_token {
  public:
    using c_type = acclient_cancel_token;

    /// An empty token, which cancels nothing.
    cancel_token() noexcept = default;
    /// Takes ownership of a C handle.
    explicit cancel_token(acclient_cancel_token *handle) noexcept : handle_(handle) {
    }

#if ACCLIENT_EXCEPTIONS
    /// Creates a token. Throws errc::system if fewer than two descriptors are free.
    static cancel_token make() {
        return try_make().value();
    }
#endif
    /// As make(), without exceptions.
    static result<cancel_token> try_make() {
        return detail::made<cancel_token>(acclient_cancel_token_new);
    }

    /// Cancels the token: calls in progress with it end at once, later calls end before they start.
    /// Async-signal-safe. Returns errc::forked_handle, without effect, in a process other than the
    /// one that created the token, and errc::invalid_argument for an empty token.
    errc cancel() const noexcept {
        return static_cast<errc>(acclient_cancel_token_cancel(handle_.get()));
    }
    /// Returns whether the token was cancelled. Async-signal-safe.
    bool is_cancelled() const noexcept {
        return acclient_cancel_token_is_cancelled(handle_.get());
    }
    /// Whether the token is not empty.
    explicit operator bool() const noexcept {
        return handle_ != nullptr;
    }
    /// The C handle, borrowed.
    const acclient_cancel_token *get() const noexcept ACCLIENT_LIFETIMEBOUND {
        return handle_.get();
    }

  private:
    detail::handle<acclient_cancel_token, acclient_cancel_token_free> handle_;
};

namespace detail {

/// State shared by the copies of a timeout with a stop token. The same in every standard.
struct stop_link {
    std::optional<error> failure;
    cancel_token token;
    /// The std::stop_callback that cancels the token; destroyed before it.
    std::shared_ptr<void> callback;
};

} // namespace detail

/// Timeout of a call, optionally with a cancel token. Any std::chrono::duration converts:
/// `job.wait(10s)`, `job.wait(timeout::none().or_cancelled(token))`.
class timeout {
  public:
    /// 10 s: the default of calls that need only a quick reply of Redis or an agent.
    timeout() noexcept = default;
    /// A duration, rounded up to milliseconds. A negative one counts as 0, which polls once where
    /// that is supported (next_result, wait) and is errc::invalid_argument elsewhere.
    template <class Rep, class Period>
    timeout(const std::chrono::duration<Rep, Period> &duration) noexcept
        : milliseconds_(bounded(duration)) {
    }
    /// No timeout.
    static timeout none() noexcept {
        timeout made;
        made.milliseconds_ = -1;
        return made;
    }

    /// Returns this timeout with a token that also ends the call. The token is borrowed. A timeout
    /// carries one token of either kind; client::with_cancel() adds another.
    timeout or_cancelled(const cancel_token &token ACCLIENT_LIFETIMEBOUND) const {
        timeout made = *this;
        made.carry(token.get(), nullptr);
        return made;
    }
    /// A temporary token would be destroyed before anything could cancel it.
    timeout or_cancelled(const cancel_token &&token) const = delete;
#if defined(__cpp_lib_jthread)
    /// Returns this timeout with a stop token that also ends the call. The timeout, its copies, and
    /// the results, rollout or follower created with it share two descriptors for it.
    timeout or_cancelled(std::stop_token token) const {
        timeout made = *this;
        auto link = std::make_shared<detail::stop_link>();
        if (auto cancel = cancel_token::try_make()) {
            link->token = std::move(*cancel);
            auto stop = [handle = link->token.get()] { acclient_cancel_token_cancel(handle); };
            link->callback = std::make_shared<std::stop_callback<decltype(stop)>>(std::move(token),
                                                                                  std::move(stop));
        } else {
            link->failure = cancel.error();
        }
        made.carry(link->token.get(), link);
        return made;
    }
#endif

    /// Milliseconds for C: below 0 without a timeout.
    std::int64_t c_milliseconds() const noexcept {
        return milliseconds_;
    }
    /// The token for C; may be NULL.
    const acclient_cancel_token *c_token() const noexcept {
        return token_;
    }
    /// Returns why calls with this timeout fail: it carries two tokens, or no descriptor was free.
    result<void> validate() const {
        return link_ && link_->failure ? result<void>(*link_->failure) : result<void>();
    }
    /// What must stay alive while a token is used after the call.
    std::shared_ptr<const void> keep_alive() const noexcept {
        return link_;
    }

  private:
    template <class Duration> static std::int64_t bounded(const Duration &duration) noexcept {
        using float_milliseconds = std::chrono::duration<double, std::milli>;
        const double wanted = float_milliseconds(duration).count();
        if (!(wanted > 0)) {
            return 0;
        }
        // More than 200000 years may overflow the integer, and counts as no timeout.
        return wanted > 9e15 ? -1 : std::chrono::ceil<std::chrono::milliseconds>(duration).count();
    }
    void carry(const acclient_cancel_token *token, std::shared_ptr<detail::stop_link> link) {
        if (token_ != nullptr && token != nullptr) {
            link = std::make_shared<detail::stop_link>();
            link->failure = error(errc::invalid_argument,
                                  "timeout has two tokens: pass one of them to with_cancel()");
        }
        if (token != nullptr) {
            token_ = token;
        }
        if (link) {
            link_ = std::move(link);
        }
    }

    std::int64_t milliseconds_ = 10000;
    const acclient_cancel_token *token_ = nullptr;
    std::shared_ptr<const detail::stop_link> link_;
};

namespace detail {

/// The error of this timeout for a call that does not poll.
inline result<void> positive(const timeout &timeout) {
    if (timeout.c_milliseconds() == 0) {
        return error(errc::invalid_argument, "invalid timeout: expected more than zero");
    }
    return timeout.validate();
}

/// As made(), for functions that block: function(args..., timeout_ms, cancel, &handle, &error).
template <class T, class... Params, class... Args>
result<T> made_within(const timeout &timeout, acclient_status (*function)(Params...),
                      Args... args) {
    if (const auto valid = positive(timeout); !valid) {
        return valid.error();
    }
    return made<T>(function, args..., timeout.c_milliseconds(), timeout.c_token());
}

/// As maybe_made(), for functions that block, or poll with a timeout of 0.
template <class T, class... Params, class... Args>
result<std::optional<T>> maybe_made_within(const timeout &timeout,
                                           acclient_status (*function)(Params...), Args... args) {
    if (const auto valid = timeout.validate(); !valid) {
        return valid.error();
    }
    return maybe_made<T>(function, args..., timeout.c_milliseconds(), timeout.c_token());
}

/// As done(), for functions that block: function(args..., timeout_ms, cancel, &error).
template <class... Params, class... Args>
result<void> done_within(const timeout &timeout, acclient_status (*function)(Params...),
                         Args... args) {
    if (const auto valid = positive(timeout); !valid) {
        return valid.error();
    }
    return done(function, args..., timeout.c_milliseconds(), timeout.c_token());
}

/// Converts a time for C: milliseconds since 1970, 0 for earlier times.
inline std::int64_t c_time(std::chrono::system_clock::time_point time) noexcept {
    const auto since = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
    return since.count() < 0 ? 0 : static_cast<std::int64_t>(since.count());
}

/// Converts milliseconds since 1970 to a time.
inline std::chrono::system_clock::time_point from_c_time(std::int64_t milliseconds) noexcept {
    using clock = std::chrono::system_clock;
    const std::chrono::milliseconds since(milliseconds);
    return clock::time_point(std::chrono::duration_cast<clock::duration>(since));
}

} // namespace detail
} // namespace v0_1
} // namespace acclient

#endif
