#pragma once

// The walk of take_along_axis and its kin.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "mlx/core/array.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/scratch.h"

namespace mlx::core::cpu {

/// An array seen as [outer, size of the axis, inner], and indices into the axis
/// as [outer, n, inner], row-major. The outer axes may have any strides, the
/// inner ones together are one axis.
class AlongAxis {
 public:
  /// Pieces are no longer than this.
  static constexpr int64_t kMaxCount = 1024;

  static bool fits(const Shape& shape, const Strides& strides, int axis);

  /// For an array that fits.
  AlongAxis(const Shape& shape, const Strides& strides, int axis, int64_t n);

  /// Elements along the axis.
  int64_t size() const { return size_; }
  /// What is between the elements of two positions, and of neighbours in a piece.
  int64_t step() const { return step_; }
  int64_t along() const { return along_; }
  /// The most columns that are walked through together.
  int64_t width() const { return std::min(inner_, kColumns); }
  /// Whether a copy of the elements under a block of columns is worth it: their
  /// rows are far apart in memory, where they compete for places in the cache.
  bool packs(int64_t itemsize) const {
    return along_ == 1 && inner_ > kColumns && n_ >= size_ / 4 &&
           size_ * kColumns * itemsize > kFirstCache;
  }

  /// Walks through the indices in pieces, from several threads; each has a body
  /// of its own from make_body(). For each run of pieces,
  ///   body.enter(offset, width): index i of a piece will name the element
  ///     offset + position * step + i * along;
  ///   body.piece(start, count, ahead): the indices [start, start + count), of which
  ///     `ahead` >= count will follow each other in this piece and the next ones;
  ///   body.leave().
  /// Where `ordered`, indices that may name the same element are walked through in
  /// their order by one thread.
  template <typename MakeBody>
  void for_each_piece(bool ordered, MakeBody make_body) const {
    if (n_ == 0 || inner_ == 0) {
      return;
    }
    if (inner_ == 1) {
      const int64_t line = ordered ? n_ : 1;
      parallel_for(outer_ * n_ / line, 1 + kGrain / line, [&](int64_t begin, int64_t end) {
        walk_lines(begin * line, end * line, make_body());
      });
    } else {
      const int64_t parts = ordered ? 1 : (n_ + kRows - 1) / kRows;
      const int64_t unit = (n_ + parts - 1) / parts * width();
      parallel_for(outer_ * blocks() * parts, 1 + kGrain / unit, [&](int64_t begin, int64_t end) {
        walk_blocks(begin, end, parts, make_body());
      });
    }
  }

 private:
  static constexpr int64_t kGrain = 1 << 14;  // indices that one thread should have at least
  static constexpr int64_t kColumns = 64;     // walked through together: they stay in the cache
  static constexpr int64_t kRows = 256;       // of a part of a block
  static constexpr int64_t kFirstCache = 1 << 15;

  int64_t blocks() const { return (inner_ + width() - 1) / width(); }
  int64_t offset(int64_t outer) const {
    return outer_sizes_.size() == 1 ? outer * outer_strides_[0] : offset_in_many(outer);
  }
  int64_t offset_in_many(int64_t outer) const;

  // Lines along the last axis.
  template <typename Body>
  void walk_lines(int64_t begin, int64_t end, Body body) const {
    for (int64_t outer = begin / n_; begin < end; ++outer) {
      const int64_t last = std::min(end, (outer + 1) * n_);
      body.enter(offset(outer), 1);
      for (; begin < last; begin += std::min(last - begin, kMaxCount)) {
        body.piece(begin, std::min(last - begin, kMaxCount), end - begin);
      }
      body.leave();
    }
  }

  // Blocks of columns, row by row.
  template <typename Body>
  void walk_blocks(int64_t begin, int64_t end, int64_t parts, Body body) const {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t part = unit % parts, block = unit / parts % blocks();
      const int64_t outer = unit / parts / blocks();
      const int64_t column = block * width(), count = std::min(width(), inner_ - column);
      const int64_t last = n_ * (part + 1) / parts;
      if (part == 0 || unit == begin) {
        body.enter(offset(outer) + column * along_, count);
      }
      for (int64_t row = n_ * part / parts; row < last; ++row) {
        body.piece((outer * n_ + row) * inner_ + column, count,
                   count == inner_ ? (last - row) * inner_ : count);
      }
      if (part == parts - 1 || unit == end - 1) {
        body.leave();
      }
    }
  }

  Shape outer_sizes_;
  Strides outer_strides_;
  int64_t size_, n_, step_, outer_ = 1, inner_ = 1, along_ = 0;
};

/// The elements under a run of pieces: where they are, or a copy without gaps.
class BlockMemory {
 public:
  /// Reads the elements `from` an array, which the copy may go back to.
  BlockMemory(const AlongAxis& walk, const std::byte* from, int64_t itemsize)
      : BlockMemory(walk, from, const_cast<std::byte*>(from), itemsize) {}
  /// Another array, of the same strides, gets what was there.
  BlockMemory(const AlongAxis& walk, const std::byte* from, std::byte* to, int64_t itemsize);

  void enter(int64_t offset, int64_t width) {
    block_ = to_ + offset * itemsize_;
    width_ = width;
    if (packs_ || from_ != to_) {
      load(offset);
    }
  }
  /// Brings the copy back.
  void store() const;

  std::byte* data() const { return block_; }
  int64_t step() const { return packs_ ? width_ : walk_->step(); }
  int64_t along() const { return walk_->along(); }

 private:
  void load(int64_t offset);

  const AlongAxis* walk_;
  const std::byte* from_;
  std::byte* to_;
  int64_t itemsize_;
  bool packs_;
  Scratch<std::byte> copy_;
  std::byte* original_ = nullptr;
  std::byte* block_ = nullptr;
  int64_t width_ = 0;
};

}  // namespace mlx::core::cpu
