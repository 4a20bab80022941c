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

int64_t AlongAxis::offset(int64_t outer) const {
  int64_t offset = 0;
  for (size_t d = outer_sizes_.size(); d-- > 1;) {
    offset += outer % outer_sizes_[d] * outer_strides_[d];
    outer /= outer_sizes_[d];
  }
  return outer_sizes_.empty() ? 0 : offset + outer * outer_strides_[0];
}

BlockMemory::BlockMemory(const AlongAxis& walk, std::byte* array, int64_t itemsize)
    : walk_(&walk),
      array_(array),
      itemsize_(itemsize),
      packs_(walk.packs(itemsize)),
      copy_(packs_ ? walk.size() * walk.width() * itemsize : 0) {}

void BlockMemory::enter(int64_t offset, int64_t width) {
  original_ = array_ + offset * itemsize_;
  block_ = packs_ ? copy_.data() : original_;
  width_ = width;
  for (int64_t i = 0; packs_ && i < walk_->size(); ++i) {
    std::memcpy(block_ + i * width * itemsize_, original_ + i * walk_->step() * itemsize_,
                static_cast<size_t>(width * itemsize_));
  }
}

void BlockMemory::store() const {
  for (int64_t i = 0; packs_ && i < walk_->size(); ++i) {
    std::memcpy(original_ + i * walk_->step() * itemsize_, block_ + i * width_ * itemsize_,
                static_cast<size_t>(width_ * itemsize_));
  }
}

}  // namespace mlx::core::cpu
