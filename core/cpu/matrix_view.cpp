#include "mlx/core/cpu/matrix_view.h"

#include <algorithm>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/graph/node.h"

namespace mlx::core::cpu {
namespace {

// Distance of the rows in memory, or 0 if gemm cannot read them.
int64_t row_distance(int64_t rows, int64_t columns, int64_t row_step, int64_t column_step) {
  const bool adjacent = (column_step == 1 || columns <= 1) && (row_step >= columns || rows <= 1);
  if (!adjacent) return 0;
  return std::max<int64_t>(1, rows > 1 ? row_step : columns);
}

}  // namespace

array copied(const array& x, Dtype dtype) {
  array out = make_array(x.shape(), dtype);
  allocate(out);
  copy_to(x, out.data<void>(), dtype);
  return out;
}

array transposed_view(const array& x) {
  const Shape shape{x.shape(1), x.shape(0)};
  const Strides strides{x.strides(1), x.strides(0)};
  array out = make_array(shape, x.dtype());
  out.copy_shared_buffer(x, strides, layout_flags(shape, strides, x.data_size()), x.data_size());
  return out;
}

array item_of(const array& x, const Shape& batch, int64_t index, size_t axes) {
  const size_t own = x.ndim() - axes;
  int64_t offset = 0;
  for (size_t axis = own, of = batch.size(); axis-- > 0;) {
    const int64_t position = index % batch[--of];
    index /= batch[of];
    if (x.shape()[axis] != 1) offset += position * x.strides()[axis];
  }
  const Shape shape(x.shape().begin() + static_cast<std::ptrdiff_t>(own), x.shape().end());
  const Strides strides(x.strides().begin() + static_cast<std::ptrdiff_t>(own), x.strides().end());
  const size_t span = strided_span(shape, strides);
  array out = make_array(shape, x.dtype());
  out.copy_shared_buffer(x, strides, layout_flags(shape, strides, span), span, offset);
  return out;
}

Matrix readable(const array& matrix, Dtype dtype) {
  const int64_t rows = matrix.shape(0), columns = matrix.shape(1);
  const int64_t plain = row_distance(rows, columns, matrix.strides(0), matrix.strides(1));
  const int64_t turned = row_distance(columns, rows, matrix.strides(1), matrix.strides(0));
  const bool flipped = plain == 0 && turned != 0;
  if (matrix.dtype() == dtype && (plain != 0 || flipped)) {
    return {matrix, {matrix.data<void>(), flipped ? turned : plain, flipped}};
  }
  // A copy in the order of the memory, in which reading is fast.
  const array copy = copied(flipped ? transposed_view(matrix) : matrix, dtype);
  return {copy, {copy.data<void>(), std::max<int64_t>(1, flipped ? rows : columns), flipped}};
}

Dtype sum_dtype(Dtype dtype) { return dtype == float64 ? float64 : float32; }

void compute_in(Dtype dtype, array& out, const std::function<void(array&)>& compute) {
  allocate(out);
  if (dtype == out.dtype()) return compute(out);
  array wide = make_array(out.shape(), dtype);
  allocate(wide);
  compute(wide);
  copy_to(wide, out.data<void>(), out.dtype());
}

}  // namespace mlx::core::cpu
