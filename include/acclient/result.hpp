/// result<T>, and calling C functions: part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_RESULT_HPP
#define ACCLIENT_RESULT_HPP

#include "error.hpp"

#include <exception>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace acclient {
inline namespace v0_1 {

/// Value or error, as returned by try_...() functions. Reading the value of an error, or the error
/// of a value, violates a precondition and calls std::terminate().
template <class T> class [[nodiscard]] result {
  public:
    using value_type = T;
    using error_type = acclient::error;

    /// Holds a value.
    result(T value) noexcept(std::is_nothrow_move_constructible_v<T>)
        : state_(std::in_place_index<0>, std::move(value)) {
    }
    /// Holds an error.
    result(acclient::error failure) noexcept : state_(std::in_place_index<1>, failure) {
    }

    /// Whether there is a value.
    bool has_value() const noexcept {
        return state_.index() == 0;
    }
    /// Whether there is a value.
    explicit operator bool() const noexcept {
        return has_value();
    }

    /// The value. Precondition: has_value().
    T &operator*() &noexcept ACCLIENT_LIFETIMEBOUND {
        return get();
    }
    const T &operator*() const &noexcept ACCLIENT_LIFETIMEBOUND {
        return get();
    }
    T &&operator*() &&noexcept ACCLIENT_LIFETIMEBOUND {
        return std::move(get());
    }
    const T &&operator*() const &&noexcept ACCLIENT_LIFETIMEBOUND {
        return std::move(get());
    }
    T *operator->() noexcept ACCLIENT_LIFETIMEBOUND {
        return &get();
    }
    const T *operator->() const noexcept ACCLIENT_LIFETIMEBOUND {
        return &get();
    }

#if ACCLIENT_EXCEPTIONS
    /// The value. Throws the error if there is one.
    T &value() & ACCLIENT_LIFETIMEBOUND {
        throw_error();
        return get();
    }
    const T &value() const &ACCLIENT_LIFETIMEBOUND {
        throw_error();
        return get();
    }
    T &&value() && ACCLIENT_LIFETIMEBOUND {
        throw_error();
        return std::move(get());
    }
    const T &&value() const &&ACCLIENT_LIFETIMEBOUND {
        throw_error();
        return std::move(get());
    }
#endif
    /// The value, or a fallback if there is none.
    template <class U> T value_or(U &&fallback) const & {
        return has_value() ? get() : static_cast<T>(std::forward<U>(fallback));
    }
    template <class U> T value_or(U &&fallback) && {
        return has_value() ? std::move(get()) : static_cast<T>(std::forward<U>(fallback));
    }

    /// The error. Precondition: !has_value().
    acclient::error &error() &noexcept ACCLIENT_LIFETIMEBOUND {
        return failure();
    }
    const acclient::error &error() const &noexcept ACCLIENT_LIFETIMEBOUND {
        return failure();
    }
    acclient::error &&error() &&noexcept ACCLIENT_LIFETIMEBOUND {
        return std::move(failure());
    }
    const acclient::error &&error() const &&noexcept ACCLIENT_LIFETIMEBOUND {
        return std::move(failure());
    }
    /// The kind of the error, or errc::ok.
    errc code() const noexcept {
        return has_value() ? errc::ok : failure().code();
    }

  private:
    T &get() noexcept {
        return detail::present(std::get_if<0>(&state_));
    }
    const T &get() const noexcept {
        return detail::present(std::get_if<0>(&state_));
    }
    acclient::error &failure() noexcept {
        return detail::present(std::get_if<1>(&state_));
    }
    const acclient::error &failure() const noexcept {
        return detail::present(std::get_if<1>(&state_));
    }
#if ACCLIENT_EXCEPTIONS
    void throw_error() const {
        if (!has_value()) {
            throw failure();
        }
    }
#endif

    std::variant<T, acclient::error> state_;
};

/// Success or error, as returned by try_...() functions without a value.
template <> class [[nodiscard]] result<void> {
  public:
    using value_type = void;
    using error_type = acclient::error;

    /// Success.
    result() noexcept = default;
    /// Holds an error.
    result(acclient::error failure) noexcept : error_(failure) {
    }

    /// Whether the call succeeded.
    bool has_value() const noexcept {
        return !error_;
    }
    /// Whether the call succeeded.
    explicit operator bool() const noexcept {
        return has_value();
    }
#if ACCLIENT_EXCEPTIONS
    /// Throws the error if there is one.
    void value() const {
        if (error_) {
            throw *error_;
        }
    }
#endif
    /// The error. Precondition: !has_value().
    acclient::error &error() &noexcept ACCLIENT_LIFETIMEBOUND {
        return failure();
    }
    const acclient::error &error() const &noexcept ACCLIENT_LIFETIMEBOUND {
        return failure();
    }
    acclient::error &&error() &&noexcept ACCLIENT_LIFETIMEBOUND {
        return std::move(failure());
    }
    const acclient::error &&error() const &&noexcept ACCLIENT_LIFETIMEBOUND {
        return std::move(failure());
    }
    /// The kind of the error, or errc::ok.
    errc code() const noexcept {
        return error_ ? error_->code() : errc::ok;
    }

  private:
    acclient::error &failure() noexcept {
        return detail::present(error_ ? &*error_ : nullptr);
    }
    const acclient::error &failure() const noexcept {
        return detail::present(error_ ? &*error_ : nullptr);
    }

    std::optional<acclient::error> error_;
};

namespace detail {

/// Frees a handle with the function of its type.
template <auto Free> struct deleter {
    template <class Handle> void operator()(Handle *handle) const noexcept {
        Free(handle);
    }
};

/// Owned handle.
template <class Handle, void (*Free)(Handle *)>
using handle = std::unique_ptr<Handle, deleter<Free>>;

/// Owner of the handle that its base Ref borrows.
template <class Ref, class Handle, void (*Free)(Handle *)> class owner : public Ref {
  public:
    using c_type = Handle;

    /// An empty owner.
    owner() noexcept = default;
    /// Takes ownership of a C handle.
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
    /// The C handle, borrowed.
    const Handle *get() const noexcept ACCLIENT_LIFETIMEBOUND {
        return owned_.get();
    }

  protected:
    Handle *mutable_get() const noexcept {
        return owned_.get();
    }

  private:
    handle<Handle, Free> owned_;
};

/// The error of a C function that failed.
inline error failure(acclient_status status, acclient_error *handle) {
    const auto code = static_cast<errc>(status);
    return handle == nullptr ? error(code, texts_of(code).message) : error(handle);
}

/// The error of an empty object.
inline error empty_error() {
    return {errc::invalid_argument, "empty object: default-constructed or moved from"};
}

/// The error of text that C cannot represent.
inline error nul_error() {
    return {errc::invalid_argument, "invalid name, id or argument: contains a NUL"};
}

/// Whether one of the texts contains a NUL.
inline bool holds_nul(std::initializer_list<std::string_view> texts) noexcept {
    for (const std::string_view text : texts) {
        if (text.find('\0') != std::string_view::npos) {
            return true;
        }
    }
    return false;
}

/// Whether an argument of a C function is the handle of an empty object. Tokens are optional.
template <class Arg> bool is_missing(const Arg &arg) noexcept {
    if constexpr (std::is_pointer_v<Arg>) {
        using pointee = std::remove_cv_t<std::remove_pointer_t<Arg>>;
        if constexpr (std::is_class_v<pointee> && !std::is_same_v<pointee, acclient_cancel_token>) {
            return arg == nullptr;
        }
    }
    return false;
}

/// Calls a C function that returns no object: function(args..., &error).
template <class... Params, class... Args>
result<void> done(acclient_status (*function)(Params...), Args... args) {
    if ((is_missing(args) || ...)) {
        return empty_error();
    }
    acclient_error *error = nullptr;
    const acclient_status status = function(args..., &error);
    return status == ACCLIENT_OK ? result<void>() : result<void>(failure(status, error));
}

/// Calls a C function that creates the handle of a T, or none: function(args..., &handle, &error).
template <class T, class... Params, class... Args>
result<std::optional<T>> maybe_made(acclient_status (*function)(Params...), Args... args) {
    if ((is_missing(args) || ...)) {
        return empty_error();
    }
    typename T::c_type *made = nullptr;
    acclient_error *error = nullptr;
    const acclient_status status = function(args..., &made, &error);
    if (status != ACCLIENT_OK) {
        return failure(status, error);
    }
    return made == nullptr ? std::optional<T>() : std::optional<T>(T(made));
}

/// Calls a C function that creates the handle of a T: function(args..., &handle, &error).
template <class T, class... Params, class... Args>
result<T> made(acclient_status (*function)(Params...), Args... args) {
    if ((is_missing(args) || ...)) {
        return empty_error();
    }
    typename T::c_type *made = nullptr;
    acclient_error *error = nullptr;
    const acclient_status status = function(args..., &made, &error);
    return status == ACCLIENT_OK ? result<T>(T(made)) : result<T>(failure(status, error));
}

} // namespace detail
} // namespace v0_1
} // namespace acclient

#endif
