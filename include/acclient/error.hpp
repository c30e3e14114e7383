/// Errors, agent_id and versions: part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_ERROR_HPP
#define ACCLIENT_ERROR_HPP

#include "config.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#if ACCLIENT_CPLUSPLUS >= 202002L
#include <compare>
#endif

namespace acclient {
inline namespace v0_1 {

class job_ref;

/// Kind of a failure. Converts to std::error_code. Later versions may add more; treat an unknown
/// one as a failure.
enum class errc : acclient_status {
    /// Success.
    ok = ACCLIENT_OK,
    /// An argument is invalid. Nothing was sent.
    invalid_argument = ACCLIENT_INVALID_ARGUMENT,
    /// Redis could not be reached, or the connection was lost.
    connect = ACCLIENT_CONNECT,
    /// Redis rejected the user or the password, or requires one. Retrying does not help.
    authentication = ACCLIENT_AUTHENTICATION,
    /// The deadline of the call was exceeded.
    timeout = ACCLIENT_TIMEOUT,
    /// The call was cancelled by a cancel token.
    cancelled = ACCLIENT_CANCELLED,
    /// Redis replied with an error.
    server = ACCLIENT_SERVER,
    /// A reply, or a document in Redis, cannot be decoded.
    protocol = ACCLIENT_PROTOCOL,
    /// The controller currently knows no agent for the target. Agents register up to 4 seconds
    /// after their controller has started. Not retriable, since the number may be wrong.
    no_such_agent = ACCLIENT_NO_SUCH_AGENT,
    /// A job ended in a state other than SUCCESS.
    job_failed = ACCLIENT_JOB_FAILED,
    /// The agent or the controller does not know the command.
    unknown_command = ACCLIENT_UNKNOWN_COMMAND,
    /// Unsupported by the server, the controller or this version of the library.
    unsupported = ACCLIENT_UNSUPPORTED,
    /// The whole command was sent but Redis did not confirm it: it may or may not run.
    maybe_sent = ACCLIENT_MAYBE_SENT,
    /// All connections of the client were in use until the deadline.
    pool_exhausted = ACCLIENT_POOL_EXHAUSTED,
    /// The client was closed.
    closed = ACCLIENT_CLOSED,
    /// The handle was created in another process, before a fork, and works only there.
    forked_handle = ACCLIENT_FORKED_HANDLE,
    /// A panic was caught inside the library. The handles passed to that call fail from then on.
    panic = ACCLIENT_PANIC,
    /// The operating system refused a descriptor, a thread or a file.
    system = ACCLIENT_SYSTEM,
    /// The agent or the controller does not list the tunnel: it was never opened, it was closed, or
    /// the agent has restarted.
    no_such_tunnel = ACCLIENT_NO_SUCH_TUNNEL,
    /// The agent or the controller already lists the tunnel, open or not. Nothing was opened.
    tunnel_exists = ACCLIENT_TUNNEL_EXISTS,
    /// The agent is not running the job, so a kill cannot reach it: the job waits in a queue of the
    /// agent, has not started, or is lost; command::progress() tells which.
    not_running = ACCLIENT_NOT_RUNNING,
    /// The job is lost: it was submitted, no agent has it, and no result can follow. It may have
    /// run.
    lost = ACCLIENT_LOST,
    /// Messages may be missing from a followed log; see error_ref::gap(). The log continues.
    gap = ACCLIENT_GAP,
    /// request::submit_once() has used the id for another command: another target, command, run
    /// arguments, data or tags. Nothing was sent.
    id_in_use = ACCLIENT_ID_IN_USE,
};

namespace detail {

/// Name and description of a kind of failure.
struct errc_texts {
    const char *name;
    const char *message;
};

constexpr errc_texts texts_of(errc code) noexcept {
    switch (code) {
    case errc::ok:
        return {"ok", "success"};
    case errc::invalid_argument:
        return {"invalid_argument", "invalid argument"};
    case errc::connect:
        return {"connect", "cannot connect to Redis, or connection lost"};
    case errc::authentication:
        return {"authentication", "authentication failed"};
    case errc::timeout:
        return {"timeout", "deadline exceeded"};
    case errc::cancelled:
        return {"cancelled", "cancelled"};
    case errc::server:
        return {"server", "error reply from Redis"};
    case errc::protocol:
        return {"protocol", "cannot decode a reply or a document"};
    case errc::no_such_agent:
        return {"no_such_agent", "no such agent"};
    case errc::job_failed:
        return {"job_failed", "job failed"};
    case errc::unknown_command:
        return {"unknown_command", "unknown command"};
    case errc::unsupported:
        return {"unsupported", "unsupported"};
    case errc::maybe_sent:
        return {"maybe_sent", "command sent but not confirmed"};
    case errc::pool_exhausted:
        return {"pool_exhausted", "all connections in use"};
    case errc::closed:
        return {"closed", "client closed"};
    case errc::forked_handle:
        return {"forked_handle", "handle of another process"};
    case errc::panic:
        return {"panic", "internal error of the library"};
    case errc::system:
        return {"system", "resource refused by the operating system"};
    case errc::no_such_tunnel:
        return {"no_such_tunnel", "no such tunnel"};
    case errc::tunnel_exists:
        return {"tunnel_exists", "tunnel already listed"};
    case errc::not_running:
        return {"not_running", "job not running on the agent"};
    case errc::lost:
        return {"lost", "job lost"};
    case errc::gap:
        return {"gap", "messages may be missing from a log"};
    case errc::id_in_use:
        return {"id_in_use", "id in use by another command"};
    }
    return {"unknown", "unknown error"};
}

class category final : public std::error_category {
  public:
    const char *name() const noexcept override {
        return "acclient";
    }
    std::string message(int code) const override {
        return texts_of(static_cast<errc>(code)).message;
    }
    std::error_condition default_error_condition(int code) const noexcept override {
        switch (static_cast<errc>(code)) {
        case errc::invalid_argument:
            return std::errc::invalid_argument;
        case errc::timeout:
            return std::errc::timed_out;
        case errc::cancelled:
            return std::errc::operation_canceled;
        case errc::unsupported:
            return std::errc::not_supported;
        default:
            return {code, *this};
        }
    }
};

} // namespace detail

/// Returns the name of a kind, like "timeout"; "unknown" for any other number.
inline std::string_view to_string(errc code) noexcept {
    return detail::texts_of(code).name;
}

/// Returns the std::error_category "acclient". errc::timeout, cancelled, invalid_argument and
/// unsupported also compare equal to std::errc::timed_out, operation_canceled, invalid_argument and
/// not_supported.
inline const std::error_category &category() noexcept {
    static const detail::category instance;
    return instance;
}

/// Converts a kind to std::error_code.
inline std::error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code), category()};
}

/// Returns the version of the loaded library, like "0.1.0".
inline std::string_view version() noexcept {
    return acclient_version();
}

/// Returns whether the loaded library is compatible with these headers.
inline bool version_fits() noexcept {
    return acclient_check_version(ACCLIENT_VERSION_MAJOR, ACCLIENT_VERSION_MINOR,
                                  ACCLIENT_VERSION_PATCH) == ACCLIENT_OK;
}

/// Agent: the node nid of the grid gid, both above 0. 0:0 is the controller itself. Functions that
/// take an agent also accept `{1, 2}`.
struct agent_id {
    std::int64_t gid = 0;
    std::int64_t nid = 0;

#if defined(__cpp_impl_three_way_comparison) && defined(__cpp_lib_three_way_comparison)
    friend constexpr std::strong_ordering operator<=>(const agent_id &,
                                                      const agent_id &) noexcept = default;
#else
    friend constexpr bool operator==(const agent_id &a, const agent_id &b) noexcept {
        return a.gid == b.gid && a.nid == b.nid;
    }
    friend constexpr bool operator!=(const agent_id &a, const agent_id &b) noexcept {
        return !(a == b);
    }
    friend constexpr bool operator<(const agent_id &a, const agent_id &b) noexcept {
        return a.gid != b.gid ? a.gid < b.gid : a.nid < b.nid;
    }
    friend constexpr bool operator>(const agent_id &a, const agent_id &b) noexcept {
        return b < a;
    }
    friend constexpr bool operator<=(const agent_id &a, const agent_id &b) noexcept {
        return !(b < a);
    }
    friend constexpr bool operator>=(const agent_id &a, const agent_id &b) noexcept {
        return !(a < b);
    }
#endif
};

/// Returns the agent as text, like "1:2".
inline std::string to_string(const agent_id &agent) {
    return std::to_string(agent.gid) + ':' + std::to_string(agent.nid);
}

/// Writes the agent as to_string() does.
template <class Traits>
std::basic_ostream<char, Traits> &operator<<(std::basic_ostream<char, Traits> &stream,
                                             const agent_id &agent) {
    return stream << to_string(agent);
}

/// Writes the name of a kind: errc, stage, outcome_kind, wait_method, verdict, log_level.
template <class Traits, class Enum, class = std::enable_if_t<std::is_enum_v<Enum>>>
auto operator<<(std::basic_ostream<char, Traits> &stream, Enum value)
    -> decltype(stream << to_string(value)) {
    return stream << to_string(value);
}

namespace detail {

/// Text of an accessor; empty if there is none.
template <class Handle>
std::string_view text(const char *(*accessor)(const Handle *, std::size_t *),
                      const Handle *handle) noexcept {
    std::size_t length = 0;
    const char *begin = accessor(handle, &length);
    return begin == nullptr ? std::string_view("") : std::string_view(begin, length);
}

/// Text of an accessor that may return NULL.
template <class Handle>
std::optional<std::string_view> maybe_text(const char *(*accessor)(const Handle *, std::size_t *),
                                           const Handle *handle) noexcept {
    std::size_t length = 0;
    const char *begin = accessor(handle, &length);
    return begin == nullptr ? std::nullopt : std::optional(std::string_view(begin, length));
}

/// Dereferences a pointer. Terminates the program if it is null, a violated precondition.
template <class T> T &present(T *pointer) noexcept {
    if (pointer == nullptr) {
        std::terminate();
    }
    return *pointer;
}

} // namespace detail

/// Gap in a followed log: messages with ids between after and before may be missing; some of them
/// may have been returned.
struct log_gap {
    /// The last message::id() up to which messages were returned or are part of an earlier gap;
    /// nothing if the gap is at the start of the log.
    std::optional<std::int64_t> after = std::nullopt;
    /// The id from which messages are returned again.
    std::int64_t before = 0;
};

/// Error with details; borrowed from an error, collected or outcomes.
class ACCLIENT_POINTER error_ref {
  public:
    /// No error: errc::ok.
    error_ref() noexcept = default;
    /// Borrows a C handle.
    explicit error_ref(const acclient_error *handle) noexcept
        : code_(static_cast<errc>(acclient_error_status(handle))),
          message_(detail::text(acclient_error_message, handle)), handle_(handle) {
    }

    /// Whether there is an error.
    explicit operator bool() const noexcept {
        return code_ != errc::ok;
    }
    /// The kind of failure.
    errc code() const noexcept {
        return code_;
    }
    /// Returns the message for people: what was requested from which server or agent, how long the
    /// call waited, and how far it got. Contains no password.
    std::string_view message() const noexcept {
        return message_;
    }
    /// Returns the handle string of the command that the error concerns, for
    /// client::get_by_handle(), if any.
    std::optional<std::string_view> command_handle() const noexcept {
        return detail::maybe_text(acclient_error_command_handle, handle_);
    }
    /// Returns the error code of a Redis error reply, like "NOPERM" or "OOM"; nothing for other
    /// errors.
    std::optional<std::string_view> server_code() const noexcept {
        return detail::maybe_text(acclient_error_server_code, handle_);
    }
    /// Returns the agent, if the error concerns one agent of several.
    std::optional<agent_id> agent() const noexcept {
        agent_id agent;
        const bool is_one = acclient_error_agent(handle_, &agent.gid, &agent.nid);
        return is_one ? std::optional(agent) : std::nullopt;
    }
    /// Returns the gap, for errc::gap.
    std::optional<log_gap> gap() const noexcept {
        log_gap gap;
        std::int64_t after = 0;
        if (!acclient_error_gap(handle_, &after, &gap.before)) {
            return std::nullopt;
        }
        if (after != 0) {
            gap.after = after;
        }
        return gap;
    }
    /// Returns the failed job, with its state, data and streams; empty if the error is not about a
    /// job.
    job_ref job() const noexcept;

    /// Returns whether retrying the same call later is safe and may succeed: nothing has to be
    /// changed and no command runs twice.
    bool is_retriable() const noexcept {
        return acclient_error_is_retriable(handle_);
    }
    /// Returns whether the deadline of the call was exceeded.
    bool is_timeout() const noexcept {
        return acclient_error_is_timeout(handle_);
    }
    /// Returns whether a complete command was sent and not confirmed: true for errc::maybe_sent,
    /// and for a call that was cancelled or closed at that point.
    bool is_maybe_sent() const noexcept {
        return acclient_error_is_maybe_sent(handle_);
    }
    /// Returns whether the error ends the call or range that returned it. False for an element of
    /// results, rollout or follower that concerns one agent, one command or a gap in a log: more
    /// elements may follow.
    bool is_final() const noexcept {
        return handle_ == nullptr || acclient_error_is_final(handle_);
    }

  protected:
    /// An error created by these headers. The message is borrowed.
    error_ref(errc code, std::string_view message) noexcept : code_(code), message_(message) {
    }

  private:
    errc code_ = errc::ok;
    std::string_view message_;
    const acclient_error *handle_ = nullptr;
};

/// Error of a call: thrown, or held by a result<T>. Copies share their content; moving copies.
/// what() is message().
class ACCLIENT_OWNER error : public std::runtime_error, public error_ref {
  public:
    /// Takes ownership of a C handle.
    explicit error(acclient_error *handle)
        : error(std::shared_ptr<acclient_error>(handle, acclient_error_free)) {
    }
    /// An error created by the program. The message is copied.
    error(errc code, std::string_view message)
        : error(code, std::make_shared<const std::string>(message)) {
    }
    error(const error &other) noexcept = default;
    error &operator=(const error &other) noexcept = default;
    ~error() override = default;

    /// As error_ref::message().
    std::string_view message() const noexcept ACCLIENT_LIFETIMEBOUND {
        return error_ref::message();
    }
    /// As error_ref::command_handle().
    std::optional<std::string_view> command_handle() const noexcept ACCLIENT_LIFETIMEBOUND {
        return error_ref::command_handle();
    }
    /// As error_ref::server_code().
    std::optional<std::string_view> server_code() const noexcept ACCLIENT_LIFETIMEBOUND {
        return error_ref::server_code();
    }
    /// As error_ref::job().
    job_ref job() const noexcept ACCLIENT_LIFETIMEBOUND;

  private:
    explicit error(const std::shared_ptr<acclient_error> &handle)
        : std::runtime_error(std::string(error_ref(handle.get()).message())),
          error_ref(handle.get()), content_(handle) {
    }
    error(errc code, const std::shared_ptr<const std::string> &message)
        : std::runtime_error(*message), error_ref(code, *message), content_(message) {
    }

    std::shared_ptr<const void> content_;
};

} // namespace v0_1
} // namespace acclient

/// Lets errc convert to std::error_code.
template <> struct std::is_error_code_enum<acclient::errc> : std::true_type {};

/// Lets agent_id be a key of unordered containers.
template <> struct std::hash<acclient::agent_id> {
    std::size_t operator()(const acclient::agent_id &agent) const noexcept {
        const std::size_t gid = std::hash<std::int64_t>()(agent.gid);
        const std::size_t nid = std::hash<std::int64_t>()(agent.nid);
        // As boost::hash_combine, since std::hash of integers is often the identity.
        return gid ^ (nid + 0x9e3779b9U + (gid << 6U) + (gid >> 2U));
    }
};

#endif
