#include "mlx/core/cpu/transpose.h"

#include <algorithm>
#include <cstring>

#include "mlx/core/cpu/parallel.h"

namespace mlx::core::cpu {
namespace {

constexpr int64_t kLineBytes = 64;

// The axis along which elements are adjacent, or -1. The last axis is not meant.
int adjacent_axis(const TileView& view) {
  for (size_t i = 0; i + 1 < view.sizes.size(); ++i) {
    if (view.steps[i] == view.itemsize) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

// A block of `rows` x `columns` of the result. In the source the elements of a
// column are adjacent, and `step` bytes lie between columns.
template <typename T>
void transpose_block(std::byte* dst, int64_t row_bytes, const std::byte* src, int64_t step,
                     int64_t rows, int64_t columns) {
  constexpr int64_t kSide = kLineBytes / static_cast<int64_t>(sizeof(T));
  alignas(kLineBytes) T lines[kSide][kSide];
  for (int64_t j = 0; j < columns; ++j) {
    std::memcpy(lines[j], src + j * step, static_cast<size_t>(rows) * sizeof(T));
  }
  for (int64_t i = 0; i < rows; ++i) {
    auto* row = reinterpret_cast<T*>(dst + i * row_bytes);
    for (int64_t j = 0; j < columns; ++j) {
      row[j] = lines[j][i];
    }
  }
}

// Some rows, all columns.
template <typename T>
void transpose_rows(std::byte* dst, int64_t row_bytes, const std::byte* src, int64_t step,
                    int64_t rows, int64_t columns) {
  constexpr int64_t kSide = kLineBytes / static_cast<int64_t>(sizeof(T));
  for (int64_t j = 0; j < columns; j += kSide) {
    transpose_block<T>(dst + j * static_cast<int64_t>(sizeof(T)), row_bytes, src + j * step, step,
                       rows, std::min(kSide, columns - j));
  }
}

using Rows = void (*)(std::byte*, int64_t, const std::byte*, int64_t, int64_t, int64_t);

Rows rows_of(int64_t itemsize) {
  switch (itemsize) {
    case 1:
      return transpose_rows<uint8_t>;
    case 2:
      return transpose_rows<uint16_t>;
    case 4:
      return transpose_rows<uint32_t>;
    default:
      return transpose_rows<uint64_t>;
  }
}

}  // namespace

bool is_transposed(const TileView& view) {
  constexpr int64_t kSmallest = 1 << 14;  // elements; less stays in the cache anyhow
  const int axis = adjacent_axis(view);
  if (axis < 0 || view.steps.back() == view.itemsize || view.steps.back() == 0) {
    return false;
  }
  int64_t size = 1;
  for (int64_t n : view.sizes) {
    size *= n;
  }
  return size >= kSmallest && view.sizes[axis] >= 4 && view.sizes.back() >= 4;
}

void transpose_to(const TileView& view, std::byte* dst) {
  const int axis = adjacent_axis(view);
  const int64_t columns = view.sizes.back();
  const int64_t side = kLineBytes / view.itemsize;
  const int64_t strips = (view.sizes[axis] + side - 1) / side;
  const Rows rows = rows_of(view.itemsize);
  // Where each axis lies in the result, in bytes.
  Strides to(view.sizes.size());
  int64_t step = view.itemsize;
  int64_t planes = 1;  // combinations of the axes beside the two
  for (size_t i = view.sizes.size(); i-- > 0;) {
    to[i] = step;
    step *= view.sizes[i];
    if (i + 1 < view.sizes.size() && static_cast<int>(i) != axis) {
      planes *= view.sizes[i];
    }
  }
  const int64_t grain = (1 << 15) / (side * columns) + 1;
  parallel_for(planes * strips, grain, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t first = unit % strips * side;
      const std::byte* src_at = view.data + first * view.itemsize;
      std::byte* dst_at = dst + first * to[axis];
      int64_t rest = unit / strips;
      for (int i = static_cast<int>(view.sizes.size()) - 2; i >= 0; --i) {
        if (i != axis) {
          src_at += rest % view.sizes[i] * view.steps[i];
          dst_at += rest % view.sizes[i] * to[i];
          rest /= view.sizes[i];
        }
      }
      rows(dst_at, to[axis], src_at, view.steps.back(), std::min(side, view.sizes[axis] - first),
           columns);
    }
  });
}

}  // namespace mlx::core::cpu
