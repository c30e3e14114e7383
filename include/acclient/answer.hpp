/// answer and its rows: part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_ANSWER_HPP
#define ACCLIENT_ANSWER_HPP

#include "ranges.hpp"

namespace acclient {
inline namespace v0_1 {

/// Row of an answer; borrowed. A field is addressed by name. Dots separate nested names, as in
/// "cmd.id"; numbers address list items, as in "addrs.0.addr"; "" is the whole row.
class ACCLIENT_POINTER answer_row {
  public:
    /// Borrows a C handle.
    answer_row(const acclient_answer *answer, std::size_t index) noexcept
        : answer_(answer), index_(index) {
    }

    /// Returns a field as text: strings unquoted, anything else as JSON. Empty if the field is
    /// absent or null. Borrowed from the answer.
    std::optional<std::string_view> text(std::string_view field) const {
        if (detail::holds_nul({field})) {
            return std::nullopt;
        }
        std::size_t length = 0;
        const std::string name(field);
        const char *begin = acclient_answer_text(answer_, index_, name.c_str(), &length);
        return begin == nullptr ? std::nullopt : std::optional(std::string_view(begin, length));
    }
    /// Returns a field as an integer, without its fraction. 0 if the field is absent or not a
    /// number; text() tells the difference.
    std::int64_t integer(std::string_view field) const {
        return acclient_answer_int(answer_, index_, std::string(field).c_str());
    }
    /// Returns a field as a floating-point number, under the rules of integer().
    double number(std::string_view field) const {
        return acclient_answer_double(answer_, index_, std::string(field).c_str());
    }

  private:
    const acclient_answer *answer_;
    std::size_t index_;
};

namespace detail {

struct answer_traits {
    using c_type = acclient_answer;
    using value_type = answer_row;
    static answer_row at(const acclient_answer *answer, std::size_t index) noexcept {
        return {answer, index};
    }
};

} // namespace detail

/// Answer of an agent or the controller: rows with fields, and the JSON that they were decoded
/// from. A JSON array has one row per item, an object is one row, and null has none. Borrowed.
class ACCLIENT_POINTER answer_ref {
  public:
    using value_type = answer_row;
    using size_type = std::size_t;
    using difference_type = std::ptrdiff_t;
    using iterator = detail::index_iterator<detail::answer_traits>;
    using const_iterator = iterator;

    /// An empty reference.
    answer_ref() noexcept = default;
    /// Borrows a C handle.
    explicit answer_ref(const acclient_answer *handle) noexcept : handle_(handle) {
    }
    /// Whether there is an answer.
    explicit operator bool() const noexcept {
        return handle_ != nullptr;
    }

    /// Returns the JSON text as it was received.
    std::string_view json() const noexcept {
        return detail::text(acclient_answer_json, handle_);
    }
    /// Returns the number of rows.
    std::size_t size() const noexcept {
        return acclient_answer_count(handle_);
    }
    /// Whether there are no rows.
    bool empty() const noexcept {
        return size() == 0;
    }
    /// Returns the row at an index; a row beyond the last has no fields.
    answer_row operator[](std::size_t index) const noexcept {
        return {handle_, index};
    }
    iterator begin() const noexcept {
        return {handle_, 0};
    }
    iterator end() const noexcept {
        return {handle_, size()};
    }
    /// The C handle, borrowed.
    const acclient_answer *get() const noexcept {
        return handle_;
    }

  protected:
    void borrow(const acclient_answer *handle) noexcept {
        handle_ = handle;
    }

  private:
    const acclient_answer *handle_ = nullptr;
};

/// Owner of an answer, with the interface of answer_ref.
class ACCLIENT_OWNER answer
    : public detail::owner<answer_ref, acclient_answer, acclient_answer_free> {
  public:
    using owner::owner;

    /// As answer_ref::json().
    std::string_view json() const noexcept ACCLIENT_LIFETIMEBOUND {
        return answer_ref::json();
    }
    /// As answer_ref::operator[].
    answer_row operator[](std::size_t index) const noexcept ACCLIENT_LIFETIMEBOUND {
        return answer_ref::operator[](index);
    }
    iterator begin() const &noexcept ACCLIENT_LIFETIMEBOUND {
        return answer_ref::begin();
    }
    iterator end() const &noexcept ACCLIENT_LIFETIMEBOUND {
        return answer_ref::end();
    }
    /// Iterators of a temporary answer would dangle.
    iterator begin() const && = delete;
    iterator end() const && = delete;
};

} // namespace v0_1
} // namespace acclient

#if ACCLIENT_CPLUSPLUS >= 202002L
/// Iterators of an answer_ref refer to the answer.
template <> inline constexpr bool std::ranges::enable_borrowed_range<acclient::answer_ref> = true;
#endif

#endif
