#pragma once

#include <cstddef>
#include <cstdint>

#include "mlx/core/allocator.h"

namespace mlx::core::cpu {

/// Uninitialized memory of the allocator's cache, because fresh pages can cost
/// more than what they are used for.
template <typename T>
class Scratch {
 public:
  explicit Scratch(int64_t count)
      : buffer_(allocator::malloc(static_cast<size_t>(count) * sizeof(T))) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { allocator::free(buffer_); }

  T* data() const { return static_cast<T*>(const_cast<void*>(buffer_.ptr())); }
  T& operator[](int64_t i) const { return data()[i]; }

 private:
  allocator::Buffer buffer_;
};

}  // namespace mlx::core::cpu
