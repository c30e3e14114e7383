/// answer: part of acclient.hpp, where the conventions are.
#ifndef ACCLIENT_ANSWER_HPP
#define ACCLIENT_ANSWER_HPP

#include "error.hpp"

namespace acclient {

/// A row of an answer; borrowed from it. Fields of fields have dots between, like "cmd.id"; items
/// of lists are numbers, like "addrs.0.addr"; "" is the whole row.
class answer_row {
  public:
    /// The row at an index of a C handle, which is borrowed.
    answer_row(const acclient_answer *answer, std::size_t index) noexcept
        : answer_(answer), index_(index) {
    }

    /// A field as text: a string as it is, anything else as JSON. None where there is no such
    /// field, and where it is null. Borrowed from the answer.
    std::optional<std::string_view> text(std::string_view field) const {
        if (detail::holds_nul({field})) {
            return std::nullopt;
        }
        std::size_t length = 0;
        const std::string name(field);
        const char *begin = acclient_answer_text(answer_, index_, name.c_str(), &length);
        return begin == nullptr ? std::nullopt : std::optional(std::string_view(begin, length));
    }
    /// A field as a whole number; 0 where there is no such field, and where it is no number: text()
    /// tells these apart.
    std::int64_t integer(std::string_view field) const {
        return acclient_answer_int(answer_, index_, std::string(field).c_str());
    }
    /// A field as a number; 0 likewise.
    double number(std::string_view field) const {
        return acclient_answer_double(answer_, index_, std::string(field).c_str());
    }

  private:
    const acclient_answer *answer_;
    std::size_t index_;
};

/// What an agent or the controller answered: rows with fields, and the JSON that it was. Borrowed.
/// An answer that is one object has one row; null has none.
class answer_ref {
  public:
    /// An empty one.
    answer_ref() noexcept = default;
    /// Of a C handle, which is borrowed.
    explicit answer_ref(const acclient_answer *handle) noexcept : handle_(handle) {
    }
    /// Whether there is one.
    explicit operator bool() const noexcept {
        return handle_ != nullptr;
    }

    /// The JSON, letter for letter.
    std::string_view json() const noexcept {
        return detail::text(acclient_answer_json, handle_);
    }
    /// How many rows it has.
    std::size_t size() const noexcept {
        return acclient_answer_count(handle_);
    }
    /// Whether it has none.
    bool empty() const noexcept {
        return size() == 0;
    }
    /// The row at an index; one beyond the last has no fields.
    answer_row operator[](std::size_t index) const noexcept {
        return {handle_, index};
    }
    /// The rows, for range-for: each is an answer_row.
    detail::index_iterator<answer_ref> begin() const noexcept {
        return {*this, 0};
    }
    /// Their end.
    detail::index_iterator<answer_ref> end() const noexcept {
        return {*this, size()};
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

/// An answer that is owned. All that answer_ref has.
class answer : public detail::owner<answer_ref, acclient_answer, acclient_answer_free> {
  public:
    using owner::owner;
};

} // namespace acclient

#endif
