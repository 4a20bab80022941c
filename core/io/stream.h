#pragma once

// Where arrays are loaded from and saved to. Derive from these to use
// something else than files.

#include <cstddef>
#include <string>

namespace mlx::core::io {

/// Bytes that stay the same. Arrays read from it when they are evaluated,
/// perhaps from several threads at once.
class Reader {
 public:
  Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  virtual ~Reader() = default;

  /// Names the source in errors.
  virtual std::string label() const = 0;
  /// Bytes in all.
  virtual size_t size() const = 0;
  /// Fills `data` with the `count` bytes at `offset`.
  /// Errors: std::runtime_error if they cannot be read.
  virtual void read(char* data, size_t count, size_t offset) = 0;
};

/// Takes bytes, one after the other.
class Writer {
 public:
  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  virtual ~Writer() = default;

  /// Names the destination in errors.
  virtual std::string label() const = 0;
  /// Errors: std::runtime_error if they cannot be written.
  virtual void write(const char* data, size_t count) = 0;
  /// Called after the last byte. A writer destroyed without it was abandoned.
  virtual void finish() {}
};

}  // namespace mlx::core::io
