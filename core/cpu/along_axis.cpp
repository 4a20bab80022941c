#include "mlx/core/cpu/along_axis.h"

#include <cstring>

namespace mlx::core::cpu {

bool AlongAxis::fits(const Shape& shape, const Strides& strides, int axis) {
  int64_t size = 0, stride = 0;  // of the inner axes from the last on
  for (int d = static_cast<int>(shape.size()) - 1; d > axis; --d) {
    if (shape[d] == 1) {
      continue;
    }
    if (size != 0 && strides[d] != size * stride) {
      return false;
    }
    stride = size == 0 ? strides[d] : stride;
    size = size == 0 ? shape[d] : size * shape[d];
  }
  return true;
}

AlongAxis::AlongAxis(const Shape& shape, const Strides& strides, int axis, int64_t n)
    : size_(shape[axis]), n_(n), step_(strides[axis]) {
  for (int d = static_cast<int>(shape.size()) - 1; d > axis; --d) {
    if (shape[d] != 1 && inner_ == 1) {
      along_ = strides[d];
    }
    inner_ *= shape[d];
  }
  for (int d = 0; d < axis; ++d) {
    outer_ *= shape[d];
    if (!outer_sizes_.empty() && outer_strides_.back() == strides[d] * shape[d]) {
      outer_sizes_.back() *= shape[d];
      outer_strides_.back() = strides[d];
    } else if (shape[d] != 1) {
      outer_sizes_.push_back(shape[d]);
      outer_strides_.push_back(strides[d]);
    }
  }
}

int64_t AlongAxis::offset_in_many(int64_t outer) const {
  int64_t offset = 0;
  for (size_t d = outer_sizes_.size(); d-- > 1;) {
    offset += outer % outer_sizes_[d] * outer_strides_[d];
    outer /= outer_sizes_[d];
  }
  return outer_sizes_.empty() ? 0 : offset + outer * outer_strides_[0];
}

BlockMemory::BlockMemory(const AlongAxis& walk, const std::byte* from, std::byte* to,
                         int64_t itemsize)
    : walk_(&walk),
      from_(from),
      to_(to),
      itemsize_(itemsize),
      packs_(walk.packs(itemsize)),
      copy_(packs_ ? walk.size() * walk.width() * itemsize : 0) {}

namespace {

// `rows` rows of `bytes`, which may follow each other without gaps.
void copy_rows(std::byte* to, int64_t to_step, const std::byte* from, int64_t from_step,
               int64_t rows, int64_t bytes) {
  if (to_step == bytes && from_step == bytes) {
    bytes *= rows;
    rows = 1;
  }
  for (int64_t i = 0; i < rows; ++i) {
    std::memcpy(to + i * to_step, from + i * from_step, static_cast<size_t>(bytes));
  }
}

}  // namespace

void BlockMemory::load(int64_t offset) {
  original_ = block_;
  block_ = packs_ ? copy_.data() : original_;
  copy_rows(block_, step() * itemsize_, from_ + offset * itemsize_, walk_->step() * itemsize_,
            walk_->size(), width_ * itemsize_);
}

void BlockMemory::store() const {
  if (packs_) {
    copy_rows(original_, walk_->step() * itemsize_, block_, width_ * itemsize_, walk_->size(),
              width_ * itemsize_);
  }
}

}  // namespace mlx::core::cpu
