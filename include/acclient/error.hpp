/// Errors, result<T>, agent_id, version: part of acclient.hpp, where the conventions are.
#ifndef ACCLIENT_ERROR_HPP
#define ACCLIENT_ERROR_HPP

#include "../acclient.h"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

/// Whether there are the functions that throw: 0 with -fno-exceptions.
#if defined(__cpp_exceptions)
#define ACCLIENT_EXCEPTIONS 1
#else
#define ACCLIENT_EXCEPTIONS 0
#endif

namespace acclient {

class job_ref;

/// The kinds of failure. Later versions may add some: treat an unknown one as a failure.
enum class errc : acclient_status {
    /// The call did what it says.
    ok = ACCLIENT_OK,
    /// Something passed cannot be used. Nothing was sent.
    invalid_argument = ACCLIENT_INVALID_ARGUMENT,
    /// Redis could not be reached, or the connection was lost.
    connect = ACCLIENT_CONNECT,
    /// Redis refused the user or the password, or wants one. Trying again will not help.
    authentication = ACCLIENT_AUTHENTICATION,
    /// The call's time is over.
    timeout = ACCLIENT_TIMEOUT,
    /// A cancel token ended the call.
    cancelled = ACCLIENT_CANCELLED,
    /// Redis answered with an error.
    server = ACCLIENT_SERVER,
    /// Something was received that cannot be read.
    protocol = ACCLIENT_PROTOCOL,
    /// The controller knows no agent for the target at this moment.
    no_such_agent = ACCLIENT_NO_SUCH_AGENT,
    /// A job ended in another state than SUCCESS.
    job_failed = ACCLIENT_JOB_FAILED,
    /// The agent or the controller does not know the command.
    unknown_command = ACCLIENT_UNKNOWN_COMMAND,
    /// The server, the controller or this version of the library does not offer it.
    unsupported = ACCLIENT_UNSUPPORTED,
    /// The command went out whole, but Redis did not confirm it: it may run, or not.
    maybe_sent = ACCLIENT_MAYBE_SENT,
    /// All connections of the client stayed in use until the call's time was over.
    pool_exhausted = ACCLIENT_POOL_EXHAUSTED,
    /// The client was closed.
    closed = ACCLIENT_CLOSED,
    /// The handle was made in another process, before a fork, and works only there.
    forked_handle = ACCLIENT_FORKED_HANDLE,
    /// A panic was caught inside the library; the handles of that call refuse further use.
    panic = ACCLIENT_PANIC,
    /// The operating system refused a descriptor, a thread or a file.
    system = ACCLIENT_SYSTEM,
};

/// The name of a kind, like "ACCLIENT_TIMEOUT"; valid for ever.
inline std::string_view name(errc code) noexcept {
    return acclient_status_name(static_cast<acclient_status>(code));
}

/// The version of the library that runs, like "0.1.0"; valid for ever.
inline std::string_view version() noexcept {
    return acclient_version();
}

/// Whether the library that runs fits the headers that the caller was compiled with.
inline bool version_fits() noexcept {
    return acclient_check_version(ACCLIENT_VERSION_MAJOR, ACCLIENT_VERSION_MINOR,
                                  ACCLIENT_VERSION_PATCH) == ACCLIENT_OK;
}

/// An agent: the node nid of the grid gid, both above 0; 0:0 is the controller itself.
struct agent_id {
    std::int64_t gid = 0;
    std::int64_t nid = 0;

    friend bool operator==(const agent_id &a, const agent_id &b) noexcept {
        return a.gid == b.gid && a.nid == b.nid;
    }
    friend bool operator!=(const agent_id &a, const agent_id &b) noexcept {
        return !(a == b);
    }
    friend bool operator<(const agent_id &a, const agent_id &b) noexcept {
        return std::tie(a.gid, a.nid) < std::tie(b.gid, b.nid);
    }
};

/// As agents are written: "1:2".
inline std::string to_string(const agent_id &agent) {
    return std::to_string(agent.gid) + ':' + std::to_string(agent.nid);
}

namespace detail {

/// Text of an accessor that never answers NULL for a real handle; empty for an empty one.
template <class Handle>
std::string_view text(const char *(*accessor)(const Handle *, std::size_t *),
                      const Handle *handle) noexcept {
    std::size_t length = 0;
    const char *begin = accessor(handle, &length);
    return begin == nullptr ? std::string_view("") : std::string_view(begin, length);
}

/// Text of an accessor that may answer NULL.
template <class Handle>
std::optional<std::string_view> maybe_text(const char *(*accessor)(const Handle *, std::size_t *),
                                           const Handle *handle) noexcept {
    std::size_t length = 0;
    const char *begin = accessor(handle, &length);
    return begin == nullptr ? std::nullopt : std::optional(std::string_view(begin, length));
}

} // namespace detail

/// Why something failed; borrowed from what it is part of.
class error_ref {
  public:
    /// No error: errc::ok.
    error_ref() noexcept = default;
    /// Of a C handle, which is borrowed.
    explicit error_ref(const acclient_error *handle) noexcept
        : code_(static_cast<errc>(acclient_error_status(handle))),
          message_(detail::text(acclient_error_message, handle)), handle_(handle) {
    }
    /// Of a kind alone. The message is borrowed.
    error_ref(errc code, std::string_view message) noexcept : code_(code), message_(message) {
    }

    /// The kind of failure.
    errc code() const noexcept {
        return code_;
    }
    /// What failed, in words for a person: what was asked of whom, how long it waited, how far it
    /// got. It holds no password.
    std::string_view message() const noexcept {
        return message_;
    }
    /// The printed form of the command that it is about, for client::command_from().
    std::optional<std::string_view> command() const noexcept {
        return detail::maybe_text(acclient_error_command, handle_);
    }
    /// The code of Redis's own error, like "NOPERM" or "OOM", where Redis answered with one.
    std::optional<std::string_view> server_code() const noexcept {
        return detail::maybe_text(acclient_error_server_code, handle_);
    }
    /// The agent that it is about, where it is about one of several.
    std::optional<agent_id> agent() const noexcept {
        agent_id agent;
        const bool is_one = acclient_error_agent(handle_, &agent.gid, &agent.nid);
        return is_one ? std::optional(agent) : std::nullopt;
    }
    /// The job that failed, with its state, data and streams; borrowed like this. Empty where the
    /// error is not about a job.
    job_ref job() const noexcept;

    /// Whether the same call, made again later, may succeed without anything being changed and
    /// without a command running twice.
    bool is_retriable() const noexcept {
        return acclient_error_is_retriable(handle_);
    }
    /// Whether the call ended because its time was over.
    bool is_timeout() const noexcept {
        return acclient_error_is_timeout(handle_);
    }
    /// Whether a command went out whole without a confirmation: for errc::maybe_sent, and for some
    /// calls that were cancelled or closed meanwhile.
    bool is_maybe_sent() const noexcept {
        return acclient_error_is_maybe_sent(handle_);
    }
    /// Whether the call or the range that gave it is over. False for an element of results, rollout
    /// or follow that is about one agent, one command or a gap in a log: more may follow.
    bool is_final() const noexcept {
        return handle_ == nullptr || acclient_error_is_final(handle_);
    }

  private:
    errc code_ = errc::ok;
    std::string_view message_;
    const acclient_error *handle_ = nullptr;
};

/// Why a call failed: what is thrown, and what a result<T> holds. Copies share what they tell of,
/// which is valid until the last of them is gone. what() is message().
class error : public std::runtime_error, public error_ref {
  public:
    /// Takes over a C handle.
    explicit error(acclient_error *handle)
        : error(std::shared_ptr<acclient_error>(handle, acclient_error_free)) {
    }
    /// Shares what it tells of; so does moving.
    error(const error &other) noexcept = default;
    /// Shares what it tells of; so does moving.
    error &operator=(const error &other) noexcept = default;
    ~error() override = default;
    /// A kind alone, with a message that lives for ever.
    error(errc code, std::string_view message)
        : std::runtime_error(std::string(message)), error_ref(code, message) {
    }

  private:
    explicit error(std::shared_ptr<acclient_error> handle)
        : std::runtime_error(std::string(error_ref(handle.get()).message())),
          error_ref(handle.get()), handle_(std::move(handle)) {
    }

    std::shared_ptr<acclient_error> handle_;
};

/// What a try_...() function returns: a value or an error.
template <class T> class [[nodiscard]] result {
  public:
    /// A value.
    result(T value) : value_(std::move(value)) {
    }
    /// An error.
    result(acclient::error failure) : error_(std::move(failure)) {
    }

    /// Whether there is a value.
    explicit operator bool() const noexcept {
        return value_.has_value();
    }
    /// Whether there is a value.
    bool has_value() const noexcept {
        return value_.has_value();
    }
    /// The value, which has to be there.
    T &operator*() &noexcept {
        return *value_;
    }
    /// The value, which has to be there.
    const T &operator*() const &noexcept {
        return *value_;
    }
    /// The value, which has to be there, to be moved from.
    T &&operator*() &&noexcept {
        return std::move(*value_);
    }
    /// The value, which has to be there.
    T *operator->() noexcept {
        return &*value_;
    }
    /// The value, which has to be there.
    const T *operator->() const noexcept {
        return &*value_;
    }
    /// The error, which has to be there.
    const acclient::error &error() const noexcept {
        return *error_;
    }
    /// The kind of the error, or errc::ok.
    errc code() const noexcept {
        return error_ ? error_->code() : errc::ok;
    }
#if ACCLIENT_EXCEPTIONS
    /// The value. Throws the error if there is one.
    T &value() & {
        if (error_) {
            throw *error_;
        }
        return *value_;
    }
    /// The value, to be moved from. Throws the error if there is one.
    T &&value() && {
        return std::move(value());
    }
#endif

  private:
    std::optional<T> value_;
    std::optional<acclient::error> error_;
};

/// What a try_...() function without a value returns: whether it did what it says, or the error.
template <> class [[nodiscard]] result<void> {
  public:
    /// It did.
    result() noexcept = default;
    /// It did not.
    result(acclient::error failure) : error_(std::move(failure)) {
    }

    /// Whether it did.
    explicit operator bool() const noexcept {
        return !error_;
    }
    /// Whether it did.
    bool has_value() const noexcept {
        return !error_;
    }
    /// The error, which has to be there.
    const acclient::error &error() const noexcept {
        return *error_;
    }
    /// The kind of the error, or errc::ok.
    errc code() const noexcept {
        return error_ ? error_->code() : errc::ok;
    }
#if ACCLIENT_EXCEPTIONS
    /// Throws the error if there is one.
    void value() const {
        if (error_) {
            throw *error_;
        }
    }
#endif

  private:
    std::optional<acclient::error> error_;
};

namespace detail {

/// Frees a handle by the function of its type.
template <auto Free> struct deleter {
    template <class Handle> void operator()(Handle *handle) const noexcept {
        Free(handle);
    }
};

/// A handle that is owned.
template <class Handle, void (*Free)(Handle *)>
using handle = std::unique_ptr<Handle, deleter<Free>>;

/// An owner of what a Ref borrows, which is its base.
template <class Ref, class Handle, void (*Free)(Handle *)> class owner : public Ref {
  public:
    owner() noexcept = default;
    explicit owner(Handle *owned) noexcept : Ref(owned), owned_(owned) {
    }
    owner(owner &&other) noexcept : Ref(other), owned_(std::move(other.owned_)) {
        other.borrow(nullptr);
    }
    owner &operator=(owner &&other) noexcept {
        owned_ = std::move(other.owned_);
        this->borrow(owned_.get());
        other.borrow(other.owned_.get());
        return *this;
    }

  private:
    handle<Handle, Free> owned_;
};

/// The error of a call that failed.
inline error failure(acclient_status status, acclient_error *handle) {
    const auto code = static_cast<errc>(status);
    return handle == nullptr ? error(code, name(code)) : error(handle);
}

/// The result of a call that makes a T from the C handle that it gives.
template <class T, class Handle, class Call> result<T> made(Call call) {
    Handle *made = nullptr;
    acclient_error *handle = nullptr;
    const acclient_status status = call(&made, &handle);
    return status == ACCLIENT_OK ? result<T>(T(made)) : result<T>(failure(status, handle));
}

/// The same for a call that may give none.
template <class T, class Handle, class Call> result<std::optional<T>> maybe_made(Call call) {
    Handle *made = nullptr;
    acclient_error *handle = nullptr;
    const acclient_status status = call(&made, &handle);
    if (status != ACCLIENT_OK) {
        return failure(status, handle);
    }
    return made == nullptr ? std::optional<T>() : std::optional<T>(T(made));
}

/// The result of a call that gives nothing.
template <class Call> result<void> done(Call call) {
    acclient_error *handle = nullptr;
    const acclient_status status = call(&handle);
    return status == ACCLIENT_OK ? result<void>() : result<void>(failure(status, handle));
}

/// Whether a text cannot be passed to C.
inline bool holds_nul(std::initializer_list<std::string_view> texts) noexcept {
    for (const std::string_view text : texts) {
        if (text.find('\0') != std::string_view::npos) {
            return true;
        }
    }
    return false;
}

/// The error of a text that cannot be passed to C.
inline error nul_error() {
    return {errc::invalid_argument, "a name, an id or an argument holds a NUL"};
}

/// Goes through a list that has size() and operator[].
template <class List> class index_iterator {
  public:
    index_iterator(const List &list, std::size_t index) noexcept : list_(&list), index_(index) {
    }
    auto operator*() const {
        return (*list_)[index_];
    }
    index_iterator &operator++() noexcept {
        index_++;
        return *this;
    }
    bool operator==(const index_iterator &other) const noexcept {
        return index_ == other.index_;
    }
    bool operator!=(const index_iterator &other) const noexcept {
        return index_ != other.index_;
    }

  private:
    const List *list_;
    std::size_t index_;
};

} // namespace detail
} // namespace acclient

#endif
