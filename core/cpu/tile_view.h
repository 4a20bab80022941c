#pragma once

// Strided memory in row-major order.

#include <cstddef>
#include <cstdint>

#include "mlx/core/array.h"

namespace mlx::core::cpu {

/// A strided place in memory seen in the row-major order of some shape, with
/// as few axes as possible. Strides are in bytes.
struct TileView {
  static TileView of(const array& x, const Shape& shape);
  static TileView of(void* data, size_t itemsize, const Shape& shape, const Strides& strides);

  /// One run of consecutive elements: position p is at data + p * itemsize.
  bool is_flat() const { return sizes.size() == 1 && steps[0] == itemsize; }
  /// One element for all positions.
  bool is_scalar() const { return sizes.size() == 1 && steps[0] == 0; }

  std::byte* data;
  int64_t itemsize;
  Shape sizes;    // at least one axis
  Strides steps;  // bytes
};

/// A position in a view. Reading or writing moves it on.
class TileCursor {
 public:
  explicit TileCursor(const TileView& view) : view_(&view), index_(view.sizes.size()) {}

  void seek(int64_t position);

  /// The next elements, if `count` of them lie side by side; otherwise null.
  const std::byte* adjacent(int64_t count) const;

  /// The next elements, if all `count` of them are the same one; otherwise null.
  const std::byte* repeated(int64_t count) const;

  void skip(int64_t count) { seek(position_ + count); }
  void read(std::byte* dst, int64_t count);
  void write(const std::byte* src, int64_t count);

 private:
  void read_rows(std::byte* dst, int64_t count);
  template <typename Copy>
  void walk(int64_t count, Copy copy);

  const TileView* view_;
  int64_t position_ = 0;
  std::byte* at_ = view_->data;
  Shape index_;
};

}  // namespace mlx::core::cpu
