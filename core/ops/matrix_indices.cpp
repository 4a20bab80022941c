// Batches of matrices and indices into them, for products of chosen pairs.

#include "mlx/core/base/error.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/matmul_ops.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {
namespace {

array all_of(const Shape& batch, Stream s) {
  ShapeElem count = 1;
  for (ShapeElem n : batch) count *= n;
  return reshape(arange(static_cast<double>(count), uint32, s), batch, s);
}

}  // namespace

Shape batch_of(const array& x) { return {x.shape().begin(), x.shape().end() - 2}; }

array flat_batch(const array& x, Stream s) {
  if (x.ndim() == 2) return expand_dims(x, 0, s);
  return x.ndim() == 3 ? x : flatten(x, 0, -3, s);
}

Arrays checked_indices(std::string_view op, const array& x, const array& w,
                       const std::optional<array>& lhs, const std::optional<array>& rhs, Stream s) {
  require(x.ndim() >= 2 && w.ndim() >= 2, "[", op, "] Got inputs with ", x.ndim(), " and ",
          w.ndim(), " axes, expected at least 2.");
  for (const auto& index : {lhs, rhs}) {
    require(!index || issubdtype(index->dtype(), integer), "[", op, "] Dtype of the indices: got ",
            index ? index->dtype() : uint32, ", expected integers.");
  }
  return broadcast_arrays(
      {lhs ? *lhs : all_of(batch_of(x), s), rhs ? *rhs : all_of(batch_of(w), s)}, s);
}

array indices_in_front(const VmapArgs& args, size_t input, ShapeElem size, bool mapped) {
  const Stream s = args.stream;
  if (!mapped) return repeated_in_front(args, input);
  const array wide = astype(repeated_in_front(args, input), int64, s);
  const array count(size, int64);
  const array index = where(less(wide, array(0, int64), s), add(wide, count, s), wide, s);
  Shape column(index.ndim(), 1);
  column[0] = index.shape(0);
  const array starts = multiply(arange(static_cast<double>(column[0]), int64, s), count, s);
  // What is outside its batch must not be inside the next one.
  const array inside =
      logical_and(greater_equal(index, array(0, int64), s), less(index, count, s), s);
  return where(inside, add(index, reshape(starts, column, s), s), array(column[0] * size, int64),
               s);
}

}  // namespace mlx::core
