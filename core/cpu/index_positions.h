#pragma once

// What the kernels that index share: checked positions, runs of memory, rows.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "mlx/core/array.h"

namespace mlx::core::cpu {

/// One axis that an index array points into.
struct IndexedAxis {
  int axis;
  int64_t size;
  /// Elements taken from the position on.
  int64_t span;
};

/// A list of positions or offsets. In the allocator's memory, because fresh
/// pages would cost more than what they are used for.
class Positions {
 public:
  explicit Positions(size_t count);

  size_t size() const { return storage_.size(); }
  const int64_t* data() const { return data_; }
  int64_t* data() { return data_; }
  int64_t operator[](int64_t i) const { return data_[i]; }
  int64_t& operator[](int64_t i) { return data_[i]; }

 private:
  array storage_;
  int64_t* data_;
};

/// The values of an index array in row-major order; negative ones count from the end.
/// Errors: std::out_of_range unless position .. position + span lies inside the axis.
Positions index_positions(const array& index, IndexedAxis axis, std::string_view op);

/// Where the slices begin that the index arrays name, in elements from the
/// first of an array with this shape and strides. No index arrays name one slice.
Positions slice_offsets(std::span<const array> indices, const std::vector<int>& axes,
                        const Shape& slice, const Shape& shape, const Strides& strides,
                        std::string_view op);

/// A slice as runs of adjacent elements, in row-major order.
struct SliceRuns {
  std::vector<int64_t> starts;  // in elements
  int64_t length = 1;
};
SliceRuns slice_runs(std::span<const ShapeElem> slice, std::span<const int64_t> strides);

/// Calls body(position, offset, count) for the pieces of rows (of the last
/// axis) that make up the positions [begin, end) of `shape` in row-major order.
/// `offset` is where the piece starts in memory with these strides.
template <typename Body>
void for_each_row(const Shape& shape, const Strides& strides, int64_t begin, int64_t end,
                  Body body) {
  Shape index(shape.size());
  int64_t offset = 0;
  int64_t rest = begin;
  for (size_t d = shape.size(); d-- > 0;) {
    index[d] = rest % shape[d];
    rest /= shape[d];
    offset += index[d] * strides[d];
  }
  const size_t last = shape.size() - 1;
  while (begin < end) {
    const int64_t count = std::min(end - begin, shape[last] - index[last]);
    body(begin, offset, count);
    begin += count;
    index[last] += count;
    offset += count * strides[last];
    for (size_t d = last; d > 0 && index[d] == shape[d]; --d) {
      offset += strides[d - 1] - shape[d] * strides[d];
      index[d] = 0;
      ++index[d - 1];
    }
  }
}

}  // namespace mlx::core::cpu
