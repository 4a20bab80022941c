// Softmax and logsumexp.

#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/dtype_rules.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/reduce_ops.h"
#include "mlx/core/ops/reduction_axes.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/utils.h"

namespace mlx::core {

array logsumexp(const array& a, const std::vector<int>& axes, bool keepdims, StreamOrDevice s) {
  const auto sorted = checked_axes(axes, a, "logsumexp");
  const array x = astype(a, at_least_float(a.dtype()), s);
  // The shift cancels in the value and in the derivative. Infinite ones must not enter it.
  const array top = stop_gradient(max(x, sorted, true, s), s);
  const array shift = where(isfinite(top, s), top, array(0, top.dtype()), s);
  const array shifted = log(sum(exp(subtract(x, shift, s), s), sorted, true, s), s);
  const array out = add(shifted, shift, s);
  return keepdims ? out : squeeze(out, sorted, s);
}

namespace {

Type infer_softmax(Inputs in, const Attrs&) {
  return {in[0].shape(), at_least_float(in[0].dtype())};
}

Arrays vjp_softmax(const VjpArgs& args) {
  const Stream s = args.stream;
  const array& y = args.outputs[0];
  const array gy = multiply(args.cotangents[0], y, s);
  return {astype(subtract(gy, multiply(y, sum(gy, -1, true, s), s), s), args.inputs[0].dtype(), s)};
}

Mapped vmap_softmax(const VmapArgs& args) { return map_in_front(kSoftmax, args, args.attrs); }

}  // namespace

constinit const Op kSoftmax{
    .name = "Softmax", .infer = infer_softmax, .vjp = vjp_softmax, .vmap = vmap_softmax};

// Halves are computed in float32 along any axes, `precise` or not.
array softmax(const array& a, const std::vector<int>& axes, bool, StreamOrDevice s) {
  const auto sorted = checked_axes(axes, a, "softmax");
  const bool last = sorted.size() == 1 && sorted[0] == static_cast<int>(a.ndim()) - 1;
  if (a.size() == 0) {
    return last ? astype(a, at_least_float(a.dtype()), s) : a;
  }
  if (last && a.dtype() != complex64) {
    return make_node(kSoftmax, {a}, Attrs(), to_stream(s));  // always in float32 at least
  }
  const array x = astype(a, accumulating(a.dtype()), s);
  const array e = exp(subtract(x, stop_gradient(max(x, sorted, true, s), s), s), s);
  const array y = divide(e, sum(e, sorted, true, s), s);
  return astype(y, last ? at_least_float(a.dtype()) : a.dtype(), s);
}

array softmax(const array& a, bool precise, StreamOrDevice s) {
  return softmax(a, all_axes(a), precise, std::move(s));
}
array softmax(const array& a, int axis, bool precise, StreamOrDevice s) {
  return softmax(a, std::vector<int>{axis}, precise, std::move(s));
}
MLX_REDUCTION_OVERLOADS(logsumexp)

}  // namespace mlx::core
