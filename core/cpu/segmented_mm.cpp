// Products over segments of the inner axis: gemm on parts of the inputs, in place.

#include <algorithm>
#include <functional>
#include <numeric>
#include <stdexcept>

#include "mlx/core/base/error.h"
#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/matmul.h"
#include "mlx/core/cpu/matrix_view.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/graph/node.h"

namespace mlx::core::cpu {
namespace {

// Products up to this size run one per thread, instead of each on all.
constexpr int64_t kSmallProduct = 1 << 18;

struct Segment {
  int64_t begin, end;
};

Segment segment_at(const array& bounds, int64_t index, int64_t size) {
  const auto* at = bounds.data<int64_t>() + 2 * index;
  if (at[0] < 0 || at[0] > at[1] || at[1] > size) {
    throw std::out_of_range(concat("[segmented_mm] Segment ", index, ": got ", at[0], " to ", at[1],
                                   ", expected 0 <= begin <= end <= ", size, "."));
  }
  return {at[0], at[1]};
}

// The rows (or columns) of the operand from `begin` on.
GemmOperand from_row(const GemmOperand& x, int64_t begin, bool columns, Dtype dtype) {
  const int64_t step = x.transposed == columns ? x.stride : 1;
  return {static_cast<const std::byte*>(x.data) + begin * step * dtype.size(), x.stride,
          x.transposed};
}

using Part = void (*)(const array&, const array&, const array&, void*, Dtype);

// Calls `part` for each place of the batch. The first input has `axes` axes
// behind the batch's, the result `out_axes`.
void for_each_item(const KernelArgs& args, Part part, size_t axes, size_t out_axes) {
  const array& a = args.inputs[0];
  const array& b = args.inputs[1];
  const array bounds = row_contiguous(args.inputs[2], int64);
  compute_in(sum_dtype(args.outputs[0].dtype()), args.outputs[0], [&](array& out) {
    std::fill_n(out.data<std::byte>(), out.nbytes(), std::byte{0});
    const auto behind = static_cast<std::ptrdiff_t>(out_axes);
    const Shape batch(out.shape().begin(), out.shape().end() - behind);
    const int64_t each = std::accumulate(out.shape().end() - behind, out.shape().end(),
                                         int64_t{out.dtype().size()}, std::multiplies<>());
    const int64_t count = each == 0 ? 0 : static_cast<int64_t>(out.nbytes()) / each;
    for (int64_t i = 0; i < count; ++i) {
      part(item_of(a, batch, i, axes), item_of(b, batch, i), item_of(bounds, batch, i),
           out.data<std::byte>() + i * each, out.dtype());
    }
  });
}

// All segments of one a and b, at `out`.
void multiply(const array& a, const array& b, const array& bounds, void* out, Dtype dtype) {
  const int64_t m = a.shape(0), k = a.shape(1), n = b.shape(1);
  const Matrix left = readable(a, dtype), right = readable(b, dtype);
  const int64_t count = bounds.shape(0);
  const auto run = [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const auto [begin, end] = segment_at(bounds, i, k);
      gemm({.dtype = dtype,
            .m = m,
            .n = n,
            .k = end - begin,
            .a = from_row(left.operand, begin, true, dtype),
            .b = from_row(right.operand, begin, false, dtype),
            .c = static_cast<std::byte*>(out) + i * m * n * dtype.size(),
            .c_stride = n});
    }
  };
  const int64_t each = m * n * (k / std::max<int64_t>(1, count) + 1);
  each < kSmallProduct ? parallel_for(count, 1 + kSmallProduct / (4 * each), run) : run(0, count);
}

// Adds g b^T of all segments to the columns of `out`, which may overlap.
void multiply_left(const array& g, const array& b, const array& bounds, void* out, Dtype dtype) {
  const int64_t m = g.shape(-2), n = g.shape(-1), k = b.shape(0);
  const Matrix right = readable(b, dtype);
  for (int64_t i = 0; i < bounds.shape(0); ++i) {
    const auto [begin, end] = segment_at(bounds, i, k);
    if (begin == end) continue;
    const Matrix left = readable(item_of(g, {g.shape(0)}, i), dtype);
    GemmOperand part = from_row(right.operand, begin, false, dtype);
    part.transposed = !part.transposed;
    gemm({.dtype = dtype,
          .m = m,
          .n = end - begin,
          .k = n,
          .a = left.operand,
          .b = part,
          .c = static_cast<std::byte*>(out) + begin * dtype.size(),
          .c_stride = k,
          .beta = 1});
  }
}

}  // namespace

void segmented_mm(const KernelArgs& args) { for_each_item(args, multiply, 2, 3); }

void segmented_mm_left(const KernelArgs& args) { for_each_item(args, multiply_left, 3, 2); }

}  // namespace mlx::core::cpu
