#pragma once

// What the kernels that index share: checked positions, runs of memory, rows.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/cpu/index_loops.h"

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

/// Reads an index array in row-major order: negative values count from the end.
/// Several threads may use one.
class IndexReader {
 public:
  IndexReader(const array& index, IndexedAxis axis, std::string_view op);

  int64_t size() const { return static_cast<int64_t>(index_.size()); }
  /// The positions [start, start + count).
  /// Errors: std::out_of_range unless position .. position + span lies inside the axis.
  void read(int64_t start, int64_t count, int64_t* out) const;

 private:
  array index_;
  IndexedAxis axis_;
  std::string_view op_;
  ConvertIndices convert_;
};

/// A few positions of an IndexReader at a time, for one thread.
class PositionTile {
 public:
  static constexpr int64_t kMaxCount = 1024;

  explicit PositionTile(const IndexReader& reader) : reader_(&reader) {}

  /// The positions from `start` on, valid until the next call. Reads as many as
  /// `ahead`, of which at least `count` <= kMaxCount, if it does not have them.
  const int64_t* at(int64_t start, int64_t count, int64_t ahead) {
    if (start < first_ || start + count > end_) {
      first_ = start;
      end_ = start + std::clamp(ahead, count, kMaxCount);
      reader_->read(start, end_ - first_, values_);
    }
    return values_ + (start - first_);
  }

 private:
  const IndexReader* reader_;
  int64_t first_ = 0, end_ = 0;
  int64_t values_[kMaxCount];
};

/// All positions of an index array, as an IndexReader reads them.
Positions index_positions(const array& index, IndexedAxis axis, std::string_view op);

/// Where the slices begin that the index arrays name, in elements from the
/// first of an array with this shape and strides. No index arrays name one slice.
class SliceOffsets {
 public:
  static constexpr int64_t kMaxCount = 512;

  SliceOffsets(std::span<const array> indices, const std::vector<int>& axes, const Shape& slice,
               const Shape& shape, const Strides& strides, std::string_view op);

  int64_t size() const { return readers_.empty() ? 1 : readers_[0].size(); }
  /// The offsets [start, start + count), of which there are at most kMaxCount.
  void read(int64_t start, int64_t count, int64_t* out) const;

 private:
  std::vector<IndexReader> readers_;
  std::vector<int64_t> strides_;
};

/// A slice as runs of adjacent elements, in row-major order.
struct SliceRuns {
  std::vector<int64_t> starts;  // in elements
  int64_t length = 1;
};
SliceRuns slice_runs(std::span<const ShapeElem> slice, std::span<const int64_t> strides);

}  // namespace mlx::core::cpu
