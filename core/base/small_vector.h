#pragma once

// A vector of trivially copyable values that keeps the first few inline, so
// that a shape costs no allocation.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace mlx::core {

template <typename T, size_t kInline = 6>
class SmallVector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  using value_type = T;
  using size_type = size_t;
  using difference_type = std::ptrdiff_t;
  using reference = T&;
  using const_reference = const T&;
  using iterator = T*;
  using const_iterator = const T*;

  SmallVector() noexcept {}
  explicit SmallVector(size_t count, const T& value = T()) { resize(count, value); }
  SmallVector(std::initializer_list<T> values) { append(values.begin(), values.end()); }
  template <std::input_iterator It>
  SmallVector(It first, It last) {
    append(first, last);
  }
  SmallVector(const SmallVector& other) { append(other.begin(), other.end()); }
  SmallVector(SmallVector&& other) noexcept { take(other); }
  SmallVector& operator=(const SmallVector& other) {
    if (this != &other) {
      size_ = 0;
      append(other.begin(), other.end());
    }
    return *this;
  }
  SmallVector& operator=(SmallVector&& other) noexcept {
    if (this != &other) {
      release();
      take(other);
    }
    return *this;
  }
  ~SmallVector() { release(); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t capacity() const { return capacity_; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  const T* cbegin() const { return begin(); }
  const T* cend() const { return end(); }
  std::reverse_iterator<T*> rbegin() { return std::reverse_iterator<T*>(end()); }
  std::reverse_iterator<T*> rend() { return std::reverse_iterator<T*>(begin()); }
  std::reverse_iterator<const T*> rbegin() const { return std::reverse_iterator<const T*>(end()); }
  std::reverse_iterator<const T*> rend() const { return std::reverse_iterator<const T*>(begin()); }

  template <std::integral I>
  T& operator[](I i) {
    return data_[static_cast<size_t>(i)];
  }
  template <std::integral I>
  const T& operator[](I i) const {
    return data_[static_cast<size_t>(i)];
  }
  T& at(size_t i) {
    check(i);
    return data_[i];
  }
  const T& at(size_t i) const {
    check(i);
    return data_[i];
  }
  T& front() { return data_[0]; }
  const T& front() const { return data_[0]; }
  T& back() { return data_[size_ - 1]; }
  const T& back() const { return data_[size_ - 1]; }

  void clear() { size_ = 0; }
  void reserve(size_t count) {
    if (count > capacity_) {
      grow(count);
    }
  }
  void resize(size_t count, const T& value = T()) {
    const T fill = value;
    reserve(count);
    if (count > size_) {
      std::fill(data_ + size_, data_ + count, fill);
    }
    size_ = count;
  }
  void push_back(const T& value) {
    const T copy = value;
    if (size_ == capacity_) {
      grow(2 * capacity_);
    }
    data_[size_++] = copy;
  }
  template <typename... Args>
  T& emplace_back(Args&&... args) {
    push_back(T(std::forward<Args>(args)...));
    return back();
  }
  void pop_back() { --size_; }

  T* insert(const T* at, const T& value) {
    const T copy = value;
    return insert(at, &copy, &copy + 1);
  }
  template <std::input_iterator It>
  T* insert(const T* at, It first, It last) {
    const size_t index = static_cast<size_t>(at - data_);
    const size_t old = size_;
    append(first, last);
    std::rotate(data_ + index, data_ + old, data_ + size_);
    return data_ + index;
  }
  T* erase(const T* at) { return erase(at, at + 1); }
  T* erase(const T* first, const T* last) {
    T* to = data_ + (first - data_);
    std::copy(last, static_cast<const T*>(end()), to);
    size_ -= static_cast<size_t>(last - first);
    return to;
  }

  friend bool operator==(const SmallVector& a, const SmallVector& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }
  friend bool operator!=(const SmallVector& a, const SmallVector& b) { return !(a == b); }
  friend bool operator<(const SmallVector& a, const SmallVector& b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  template <typename It>
  void append(It first, It last) {
    for (; first != last; ++first) {
      push_back(static_cast<T>(*first));
    }
  }
  void check(size_t i) const {
    if (i >= size_) {
      throw std::out_of_range("[SmallVector] Index past the end.");
    }
  }
  bool is_inline() const { return data_ == reinterpret_cast<const T*>(inline_); }
  void grow(size_t count) {
    T* data = static_cast<T*>(::operator new(count * sizeof(T)));
    if (size_ > 0) {
      std::memcpy(static_cast<void*>(data), data_, size_ * sizeof(T));
    }
    const size_t size = size_;
    release();
    data_ = data;
    size_ = size;
    capacity_ = count;
  }
  // Leaves an empty inline vector behind.
  void release() {
    if (!is_inline()) {
      ::operator delete(data_);
    }
    data_ = reinterpret_cast<T*>(inline_);
    size_ = 0;
    capacity_ = kInline;
  }
  void take(SmallVector& other) noexcept {
    if (other.is_inline()) {
      std::memcpy(inline_, other.inline_, sizeof inline_);
      size_ = other.size_;
      other.size_ = 0;
    } else {
      data_ = std::exchange(other.data_, reinterpret_cast<T*>(other.inline_));
      size_ = std::exchange(other.size_, 0);
      capacity_ = std::exchange(other.capacity_, kInline);
    }
  }

  T* data_ = reinterpret_cast<T*>(inline_);
  size_t size_ = 0;
  size_t capacity_ = kInline;
  alignas(T) std::byte inline_[kInline * sizeof(T)];
};

}  // namespace mlx::core
