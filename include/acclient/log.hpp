/// log_level and set_log_hook(): part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_LOG_HPP
#define ACCLIENT_LOG_HPP

#include "result.hpp"

#include <mutex>
#include <vector>

namespace acclient {
inline namespace v0_1 {

/// Importance of a log message.
enum class log_level : std::int32_t {
    /// A failure that the call returns as an error too.
    error = ACCLIENT_LOG_ERROR,
    /// Something that may need attention, like the first failure after which a call retries.
    warn = ACCLIENT_LOG_WARN,
    /// Something unusual that needs no attention.
    info = ACCLIENT_LOG_INFO,
    /// Normal work: connections, submitted commands, how results are waited for.
    debug = ACCLIENT_LOG_DEBUG,
    /// Normal work in detail.
    trace = ACCLIENT_LOG_TRACE,
};

/// Name of a level, like "warn"; "unknown" for any other number.
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

/// Function that receives log messages, on the thread whose call logs. It may call functions of the
/// library, which then log nothing. An exception that leaves it ends the program.
///
/// target: what the message is about: "acclient::connection", "acclient::command", "acclient::wait"
///   or "acclient::retry"; later versions may add some.
/// message: one line of text without a password, and without the data of a command.
using log_hook =
    std::function<void(log_level level, std::string_view target, std::string_view message)>;

namespace detail {

/// Calls the hook that user_data points to.
inline void call_log_hook(std::int32_t level, const char *target, const char *message,
                          void *user_data) noexcept {
    (*static_cast<const log_hook *>(user_data))(static_cast<log_level>(level), target, message);
}

/// Keeps a hook until the process ends: calls of other threads may still use it, even at exit.
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
/// Sets the function that receives what the library logs, for the whole process; nullptr, the
/// default, logs nothing more. To be called before other threads use the library: a call that is in
/// progress on another thread may still use the hook that was set before, which is therefore kept
/// until the process ends.
///
/// level: the least important level that is logged. In normal work nothing above log_level::debug
/// is
///   logged.
/// Throws errc::unsupported in a Rust program that has installed a logger of its own.
inline void set_log_hook(log_hook hook, log_level level = log_level::debug) {
    try_set_log_hook(std::move(hook), level).value();
}
#endif

} // namespace v0_1
} // namespace acclient

#endif
