// Diagonals: a step along one is a step of one row and one column.

#include <algorithm>
#include <cstdlib>

#include "mlx/core/base/error.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {

array diagonal(const array& a, int offset, int axis1, int axis2, StreamOrDevice s) {
  require(a.ndim() >= 2, "[diagonal] Number of dimensions: got ", a.ndim(),
          ", expected at least 2.");
  axis1 = normalize_axis_index(axis1, static_cast<int>(a.ndim()), "[diagonal] ");
  axis2 = normalize_axis_index(axis2, static_cast<int>(a.ndim()), "[diagonal] ");
  require(axis1 != axis2, "[diagonal] The axes are the same: ", axis1, ".");
  array rows = moveaxis(a, axis1, 0, s);
  rows = moveaxis(rows, axis2 > axis1 ? axis2 : axis2 + 1, 1, s);
  const ShapeElem first_row = std::max(0, -offset);
  const ShapeElem first_col = std::max(0, offset);
  const ShapeElem count =
      std::max<ShapeElem>(0, std::min(rows.shape(0) - first_row, rows.shape(1) - first_col));
  // Element (i, i + offset) of the last two axes, flattened: steps of columns + 1.
  const ShapeElem columns = rows.shape(1);
  Shape flat_shape = rows.shape();
  flat_shape.erase(flat_shape.begin());
  flat_shape[0] = rows.shape(0) * columns;
  const array flat = reshape(rows, std::move(flat_shape), s);
  Shape start(flat.ndim(), 0);
  Shape stop = flat.shape();
  Shape steps(flat.ndim(), 1);
  start[0] = first_row * columns + first_col;
  stop[0] = count == 0 ? start[0] : start[0] + (count - 1) * (columns + 1) + 1;
  steps[0] = columns + 1;
  return moveaxis(slice(flat, std::move(start), std::move(stop), std::move(steps), s), 0, -1, s);
}

array diag(const array& a, int k, StreamOrDevice s) {
  if (a.ndim() == 2) {
    return diagonal(a, k, 0, 1, std::move(s));
  }
  require(a.ndim() == 1, "[diag] Number of dimensions: got ", a.ndim(), ", expected 1 or 2.");
  const ShapeElem n = a.shape(0) + std::abs(k);
  const array flat = zeros({n * n}, a.dtype(), s);
  const ShapeElem first = k >= 0 ? k : -k * n;
  const ShapeElem count = a.shape(0);
  const array filled =
      count == 0 ? flat
                 : slice_update(flat, a, {first}, {first + (count - 1) * (n + 1) + 1}, {n + 1}, s);
  return reshape(filled, {n, n}, s);
}

array trace(const array& a, int offset, int axis1, int axis2, Dtype dtype, StreamOrDevice s) {
  return sum(astype(diagonal(a, offset, axis1, axis2, s), dtype, s), -1, false, s);
}

array trace(const array& a, int offset, int axis1, int axis2, StreamOrDevice s) {
  return sum(diagonal(a, offset, axis1, axis2, s), -1, false, s);
}

array trace(const array& a, StreamOrDevice s) { return trace(a, 0, 0, 1, std::move(s)); }

}  // namespace mlx::core
