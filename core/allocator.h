#pragma once

// Memory for arrays: 64-byte aligned, cached when freed.

#include <cstddef>

namespace mlx::core::allocator {

/// A block of memory. A plain handle: who calls malloc calls free.
class Buffer {
 public:
  explicit Buffer(void* ptr) : ptr_(ptr) {}
  /// The address on the host.
  void* raw_ptr() { return ptr_; }
  const void* ptr() const { return ptr_; }
  void* ptr() { return ptr_; }

 private:
  void* ptr_;
};

class Allocator {  ///< where arrays get memory from
 public:
  /// Errors: std::runtime_error when the system has no memory left.
  virtual Buffer malloc(size_t size) = 0;
  virtual void free(Buffer buffer) = 0;
  /// Usable bytes of a buffer of this allocator.
  virtual size_t size(Buffer buffer) const = 0;
  /// Wraps foreign memory, or a null buffer where that cannot be done.
  virtual Buffer make_buffer(void* ptr, size_t size);
  /// Ends what make_buffer began; the memory stays its owner's.
  virtual void release(Buffer buffer);

  Allocator() = default;
  Allocator(const Allocator& other) = delete;
  Allocator(Allocator&& other) = delete;
  Allocator& operator=(const Allocator& other) = delete;
  Allocator& operator=(Allocator&& other) = delete;
  virtual ~Allocator() = default;
};

Allocator& allocator();  ///< the one of the process

Buffer malloc(size_t size);  ///< from allocator(), as the three that follow
void free(Buffer buffer);
Buffer make_buffer(void* ptr, size_t size);
void release(Buffer buffer);

/// Whether foreign memory at `ptr` can back an array without a copy.
bool can_reuse_alien_buffer(void* ptr);

}  // namespace mlx::core::allocator
