#include "mlx/core/cpu/tile_view.h"

#include <algorithm>
#include <cstring>

namespace mlx::core::cpu {
namespace {

template <typename T>
void copy_strided(std::byte* dst, int64_t dst_step, const std::byte* src, int64_t src_step,
                  int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, src + i * src_step, sizeof value);
    std::memcpy(dst + i * dst_step, &value, sizeof value);
  }
}

// Rows below that are not worth a call.
constexpr int64_t kShort = 32;

// Copies of one element, side by side: what is there is doubled.
void repeat(std::byte* dst, const std::byte* src, int64_t bytes, int64_t itemsize) {
  std::memcpy(dst, src, static_cast<size_t>(itemsize));
  for (int64_t done = itemsize; done < bytes; done *= 2) {
    std::memcpy(dst + done, dst, static_cast<size_t>(std::min(done, bytes - done)));
  }
}

// `copies` of each of `count` elements, side by side. The step is in bytes.
template <typename T>
void repeat_each(std::byte* dst, const std::byte* src, int64_t src_step, int64_t count,
                 int64_t copies) {
  for (int64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, src + i * src_step, sizeof value);
    for (int64_t k = 0; k < copies; ++k, dst += sizeof value) {
      std::memcpy(dst, &value, sizeof value);
    }
  }
}

void repeat_each(std::byte* dst, const std::byte* src, int64_t src_step, int64_t count,
                 int64_t copies, int64_t itemsize) {
  switch (itemsize) {
    case 1:
      return repeat_each<uint8_t>(dst, src, src_step, count, copies);
    case 2:
      return repeat_each<uint16_t>(dst, src, src_step, count, copies);
    case 4:
      return repeat_each<uint32_t>(dst, src, src_step, count, copies);
    default:
      return repeat_each<uint64_t>(dst, src, src_step, count, copies);
  }
}

// One row. The steps are in bytes.
void copy_row(std::byte* dst, int64_t dst_step, const std::byte* src, int64_t src_step,
              int64_t count, int64_t itemsize) {
  if (dst_step == itemsize && src_step == itemsize) {
    std::memcpy(dst, src, static_cast<size_t>(count * itemsize));
    return;
  }
  if (dst_step == itemsize && src_step == 0 && count >= kShort) {
    return repeat(dst, src, count * itemsize, itemsize);
  }
  switch (itemsize) {
    case 1:
      return copy_strided<uint8_t>(dst, dst_step, src, src_step, count);
    case 2:
      return copy_strided<uint16_t>(dst, dst_step, src, src_step, count);
    case 4:
      return copy_strided<uint32_t>(dst, dst_step, src, src_step, count);
    default:
      return copy_strided<uint64_t>(dst, dst_step, src, src_step, count);
  }
}

}  // namespace

TileView TileView::of(const array& x, const Shape& shape) {
  const size_t missing = shape.size() - x.ndim();
  Strides strides(shape.size());
  for (size_t i = missing; i < shape.size(); ++i) {
    strides[i] = x.shape()[i - missing] == 1 ? 0 : x.strides()[i - missing];
  }
  return of(const_cast<void*>(x.data<void>()), x.itemsize(), shape, strides);
}

TileView TileView::of(void* data, size_t itemsize, const Shape& shape, const Strides& strides) {
  TileView view{static_cast<std::byte*>(data), static_cast<int64_t>(itemsize), {}, {}};
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) {
      continue;
    }
    const int64_t step = strides[i] * view.itemsize;
    if (!view.sizes.empty() && view.steps.back() == step * shape[i]) {
      view.sizes.back() *= shape[i];
      view.steps.back() = step;
    } else {
      view.sizes.push_back(shape[i]);
      view.steps.push_back(step);
    }
  }
  if (view.sizes.empty()) {
    view.sizes.push_back(1);
    view.steps.push_back(view.itemsize);
  }
  return view;
}

void TileCursor::seek(int64_t position) {
  if (position == position_) {
    return;
  }
  position_ = position;
  at_ = view_->data;
  for (size_t i = index_.size(); i-- > 1;) {
    index_[i] = position % view_->sizes[i];
    position /= view_->sizes[i];
    at_ += index_[i] * view_->steps[i];
  }
  index_[0] = position;
  at_ += position * view_->steps[0];
}

const std::byte* TileCursor::adjacent(int64_t count) const {
  const bool fits = view_->sizes.back() - index_.back() >= count;
  return fits && view_->steps.back() == view_->itemsize ? at_ : nullptr;
}

const std::byte* TileCursor::repeated(int64_t count) const {
  const bool fits = view_->sizes.back() - index_.back() >= count;
  return fits && view_->steps.back() == 0 ? at_ : nullptr;
}

template <typename Copy>
void TileCursor::walk(int64_t count, Copy copy) {
  position_ += count;
  const size_t inner = index_.size() - 1;
  while (count > 0) {
    const int64_t run = std::min(count, view_->sizes[inner] - index_[inner]);
    copy(at_, view_->steps[inner], run);
    count -= run;
    at_ += run * view_->steps[inner];
    index_[inner] += run;
    for (size_t i = inner; i > 0 && index_[i] == view_->sizes[i]; --i) {
      at_ += view_->steps[i - 1] - index_[i] * view_->steps[i];
      index_[i] = 0;
      ++index_[i - 1];
    }
  }
}

void TileCursor::read(std::byte* dst, int64_t count) {
  const size_t inner = index_.size() - 1;
  const int64_t copies = view_->sizes[inner];
  if (view_->steps[inner] != 0 || copies >= kShort || inner == 0) {
    return read_rows(dst, count);
  }
  // Short rows of one element each, several at once; what is not a whole row one by one.
  while (count > 0) {
    const int64_t left = copies - index_[inner];
    if (left < copies || count < copies) {
      const int64_t part = std::min(left, count);
      read_rows(dst, part);
      dst += part * view_->itemsize;
      count -= part;
      continue;
    }
    const int64_t rows = std::min(count / copies, view_->sizes[inner - 1] - index_[inner - 1]);
    repeat_each(dst, at_, view_->steps[inner - 1], rows, copies, view_->itemsize);
    skip(rows * copies);
    dst += rows * copies * view_->itemsize;
    count -= rows * copies;
  }
}

void TileCursor::read_rows(std::byte* dst, int64_t count) {
  const int64_t itemsize = view_->itemsize;
  walk(count, [&](const std::byte* at, int64_t step, int64_t run) {
    copy_row(dst, itemsize, at, step, run, itemsize);
    dst += run * itemsize;
  });
}

void TileCursor::write(const std::byte* src, int64_t count) {
  const int64_t itemsize = view_->itemsize;
  walk(count, [&](std::byte* at, int64_t step, int64_t run) {
    copy_row(at, step, src, itemsize, run, itemsize);
    src += run * itemsize;
  });
}

}  // namespace mlx::core::cpu
