/// Iterators of lists and streams: part of acclient.hpp, which describes the conventions.
#ifndef ACCLIENT_RANGES_HPP
#define ACCLIENT_RANGES_HPP

#include "result.hpp"

#include <iterator>

#if ACCLIENT_CPLUSPLUS >= 202002L
#include <ranges>
#endif

namespace acclient {
inline namespace v0_1 {
namespace detail {

/// Random access iterator over the elements of a C handle, which Traits::at() returns. Stays valid
/// when the list is moved. Elements are created on access, so a reference is a value, as for
/// std::vector<bool>.
template <class Traits> class index_iterator {
    using c_type = typename Traits::c_type;

    /// Holds the element while operator->() is evaluated.
    class arrow {
      public:
        explicit arrow(typename Traits::value_type element) noexcept : element_(element) {
        }
        const typename Traits::value_type *operator->() const noexcept {
            return &element_;
        }

      private:
        typename Traits::value_type element_;
    };

  public:
    using iterator_category = std::random_access_iterator_tag;
    using value_type = typename Traits::value_type;
    using difference_type = std::ptrdiff_t;
    using pointer = arrow;
    using reference = value_type;

    index_iterator() noexcept = default;
    index_iterator(const c_type *handle, std::size_t index) noexcept
        : handle_(handle), index_(static_cast<difference_type>(index)) {
    }

    reference operator*() const noexcept {
        return Traits::at(handle_, static_cast<std::size_t>(index_));
    }
    pointer operator->() const noexcept {
        return pointer(**this);
    }
    reference operator[](difference_type distance) const noexcept {
        return *(*this + distance);
    }
    index_iterator &operator++() noexcept {
        return *this += 1;
    }
    index_iterator operator++(int) noexcept {
        const index_iterator before = *this;
        ++*this;
        return before;
    }
    index_iterator &operator--() noexcept {
        return *this -= 1;
    }
    index_iterator operator--(int) noexcept {
        const index_iterator before = *this;
        --*this;
        return before;
    }
    index_iterator &operator+=(difference_type distance) noexcept {
        index_ += distance;
        return *this;
    }
    index_iterator &operator-=(difference_type distance) noexcept {
        index_ -= distance;
        return *this;
    }
    friend index_iterator operator+(index_iterator it, difference_type distance) noexcept {
        return it += distance;
    }
    friend index_iterator operator+(difference_type distance, index_iterator it) noexcept {
        return it += distance;
    }
    friend index_iterator operator-(index_iterator it, difference_type distance) noexcept {
        return it -= distance;
    }
    friend difference_type operator-(const index_iterator &a, const index_iterator &b) noexcept {
        return a.index_ - b.index_;
    }
    friend bool operator==(const index_iterator &a, const index_iterator &b) noexcept {
        return a.index_ == b.index_;
    }
    friend bool operator!=(const index_iterator &a, const index_iterator &b) noexcept {
        return a.index_ != b.index_;
    }
    friend bool operator<(const index_iterator &a, const index_iterator &b) noexcept {
        return a.index_ < b.index_;
    }
    friend bool operator>(const index_iterator &a, const index_iterator &b) noexcept {
        return a.index_ > b.index_;
    }
    friend bool operator<=(const index_iterator &a, const index_iterator &b) noexcept {
        return a.index_ <= b.index_;
    }
    friend bool operator>=(const index_iterator &a, const index_iterator &b) noexcept {
        return a.index_ >= b.index_;
    }

  private:
    const c_type *handle_ = nullptr;
    difference_type index_ = 0;
};

/// List that owns a C handle. Traits has c_type, value_type, count(), at() and free().
template <class Traits> class list {
  public:
    using c_type = typename Traits::c_type;
    using value_type = typename Traits::value_type;
    using size_type = std::size_t;
    using difference_type = std::ptrdiff_t;
    using iterator = index_iterator<Traits>;
    using const_iterator = iterator;

    /// An empty list.
    list() noexcept = default;
    /// Takes ownership of a C handle.
    explicit list(c_type *handle) noexcept : handle_(handle) {
    }
    /// Returns the number of elements.
    std::size_t size() const noexcept {
        return Traits::count(handle_.get());
    }
    /// Whether there are no elements.
    bool empty() const noexcept {
        return size() == 0;
    }
    /// Returns the element at an index, borrowed; an empty one beyond the last.
    value_type operator[](std::size_t index) const noexcept ACCLIENT_LIFETIMEBOUND {
        return Traits::at(handle_.get(), index);
    }
    iterator begin() const &noexcept ACCLIENT_LIFETIMEBOUND {
        return {handle_.get(), 0};
    }
    iterator end() const &noexcept ACCLIENT_LIFETIMEBOUND {
        return {handle_.get(), size()};
    }
    /// Iterators of a temporary list would dangle.
    iterator begin() const && = delete;
    iterator end() const && = delete;
    /// The C handle, borrowed.
    const c_type *get() const noexcept ACCLIENT_LIFETIMEBOUND {
        return handle_.get();
    }

  private:
    handle<c_type, Traits::free> handle_;
};

/// Input iterator over a Source, which keeps the current element, a result<T>.
template <class Source, class T> class input_iterator {
    /// The element left behind by it++.
    class postfix {
      public:
        explicit postfix(result<T> element) : element_(std::move(element)) {
        }
        result<T> operator*() {
            return std::move(element_);
        }

      private:
        result<T> element_;
    };

  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = result<T>;
    using difference_type = std::ptrdiff_t;
    using pointer = result<T> *;
    using reference = result<T> &;

    /// The end iterator.
    input_iterator() noexcept = default;
    /// Waits for the first element; blocks.
    explicit input_iterator(Source &source) : source_(&source) {
        ++*this;
    }
    reference operator*() const noexcept {
        return *source_->current_;
    }
    pointer operator->() const noexcept {
        return &*source_->current_;
    }
    /// Waits for the next element; blocks.
    input_iterator &operator++() {
        source_->advance();
        if (!source_->current_) {
            source_ = nullptr;
        }
        return *this;
    }
    /// Waits for the next element; blocks. The previous element is moved from.
    postfix operator++(int) {
        postfix before(std::move(**this));
        ++*this;
        return before;
    }
    friend bool operator==(const input_iterator &a, const input_iterator &b) noexcept {
        return a.source_ == b.source_;
    }
    friend bool operator!=(const input_iterator &a, const input_iterator &b) noexcept {
        return !(a == b);
    }

  private:
    Source *source_ = nullptr;
};

/// Elements that a Source waits for one by one, until a final error or the end. The Source has
/// try_next(), and must not be moved during iteration.
template <class Source, class T> class stream {
  public:
    using value_type = result<T>;
    using iterator = input_iterator<Source, T>;

#if ACCLIENT_EXCEPTIONS
    /// As try_next(), but throws errors. May be called again after an error that is not final.
    std::optional<T> next() {
        return static_cast<Source &>(*this).try_next().value();
    }
#endif
    /// Waits for the next element. Blocks, and so does incrementing the iterator.
    iterator begin() & ACCLIENT_LIFETIMEBOUND {
        return iterator(static_cast<Source &>(*this));
    }
    iterator end() &noexcept {
        return {};
    }
    /// Iterators of a temporary stream would dangle.
    iterator begin() && = delete;
    iterator end() && = delete;

  protected:
    stream() noexcept = default;

    /// Keeps alive what the timeout refers to.
    void keep_alive(std::shared_ptr<const void> kept) noexcept {
        kept_ = std::move(kept);
    }

  private:
    friend iterator;

    void advance() {
        current_.reset();
        if (is_over_) {
            return;
        }
        auto next = static_cast<Source &>(*this).try_next();
        if (!next) {
            is_over_ = next.error().is_final();
            current_.emplace(next.error());
        } else if (*next) {
            current_.emplace(std::move(**next));
        }
    }

    std::optional<result<T>> current_;
    std::shared_ptr<const void> kept_;
    bool is_over_ = false;
};

} // namespace detail
} // namespace v0_1
} // namespace acclient

#endif
