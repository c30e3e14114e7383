/// log_level and set_log_hook(): part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_LOG_HPP
#define ACCLIENT_LOG_HPP

#include "result.hpp"

#include <mutex>
#include <vector>

namespace acclient {
inline namespace v0_1 {

/// Severity of a log message.
enum class log_level : std::int32_t {
    /// Reserved: failures are returned as errors.
    error = ACCLIENT_LOG_ERROR,
    /// Conditions that may need attention, like the first failure after which a call retries.
    warn = ACCLIENT_LOG_WARN,
    /// Unusual conditions that need no attention.
    info = ACCLIENT_LOG_INFO,
    /// Normal operation: connections, submitted commands, how results are waited for.
    debug = ACCLIENT_LOG_DEBUG,
    /// Normal operation in detail.
    trace = ACCLIENT_LOG_TRACE,
};

/// Returns the name of a level, like "warn"; "unknown" for any other number.
inline std::string_view to_string(log_level level) noexcept {
    switch (level) {
    case log_level::error:
        return "error";
    case log_level::warn:
        return "warn";
    case log_level::info:
        return "info";
    case log_level::debug:
        return "debug";
    case log_level::trace:
        return "trace";
    }
    return "unknown";
}

/// Function that receives log messages, on the thread whose call logs. It may call the library,
/// which then logs nothing. An exception that leaves it terminates the program.
///
/// target: the subject: "acclient::connection", "acclient::command", "acclient::wait" or
///   "acclient::retry"; later versions may add more.
/// message: one line of text, without passwords and without the data of commands.
using log_hook =
    std::function<void(log_level level, std::string_view target, std::string_view message)>;

namespace detail {

/// Calls the hook that user_data points to.
inline void call_log_hook(std::int32_t level, const char *target, const char *message,
                          void *user_data) noexcept {
    (*static_cast<const log_hook *>(user_data))(static_cast<log_level>(level), target, message);
}

/// Keeps a hook until the process exits: calls on other threads may still use it, even during exit.
inline log_hook *keep(log_hook hook) {
    static std::mutex mutex;
    static auto *const kept = new std::vector<std::unique_ptr<log_hook>>();
    const std::lock_guard<std::mutex> lock(mutex);
    return kept->emplace_back(std::make_unique<log_hook>(std::move(hook))).get();
}

} // namespace detail

/// As set_log_hook(), without exceptions.
inline result<void> try_set_log_hook(log_hook hook, log_level level = log_level::debug) {
    const auto c_level = static_cast<std::int32_t>(level);
    if (level < log_level::error || level > log_level::trace) {
        return error(errc::invalid_argument, "invalid log level " + std::to_string(c_level) +
                                                 ": expected error, warn, info, debug or trace");
    }
    if (!hook) {
        return detail::done(acclient_set_log_hook, acclient_log_hook{nullptr},
                            static_cast<void *>(nullptr), c_level);
    }
    return detail::done(acclient_set_log_hook, acclient_log_hook{detail::call_log_hook},
                        static_cast<void *>(detail::keep(std::move(hook))), c_level);
}

#if ACCLIENT_EXCEPTIONS
/// Sets the log hook of the process; nullptr, the default, disables logging. Set it before other
/// threads use the library: a call in progress on another thread may still use the previous hook,
/// which is therefore kept until the process exits.
///
/// level: the least severe level to log. Normal operation logs only at log_level::debug and
///   log_level::trace.
///
/// Throws errc::unsupported in a Rust program that has installed its own logger.
inline void set_log_hook(log_hook hook, log_level level = log_level::debug) {
    try_set_log_hook(std::move(hook), level).value();
}
#endif

} // namespace v0_1
} // namespace acclient

#endif
