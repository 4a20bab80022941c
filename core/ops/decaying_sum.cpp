// Sums whose terms are multiplied from one element to the next: the derivatives
// of cumprod and of logcumsumexp, without quotients and without overflow.

#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/reduce_ops.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {
namespace {

Type infer_decaying_sum(Inputs in, const Attrs&) { return {in[0].shape(), in[0].dtype()}; }

// With the sum S_i = x_i + w_i S_before: its cotangents D add up the other way, and decay by the
// weight of the element that they come from.
Arrays vjp_decaying_sum(const VjpArgs& args) {
  const auto& [axis, backwards] = args.attrs.get<DecayingSumAttrs>();
  const Stream s = args.stream;
  const array zero(0, args.inputs[0].dtype());
  const array weights = conjugate(neighbours(args.inputs[1], axis, !backwards, zero, s), s);
  const array back = decaying_sum(args.cotangents[0], weights, axis, !backwards, s);
  Arrays out;
  for (const int argnum : args.argnums) {
    out.push_back(
        argnum == 0
            ? back
            : multiply(back, conjugate(neighbours(args.outputs[0], axis, backwards, zero, s), s),
                       s));
  }
  return out;
}

Mapped vmap_decaying_sum(const VmapArgs& args) {
  DecayingSumAttrs attrs = args.attrs.get<DecayingSumAttrs>();
  ++attrs.axis;
  return mapped_in_front(make_nodes(kDecayingSum, all_in_front(args), Attrs(attrs), args.stream));
}

}  // namespace

constinit const Op kDecayingSum{.name = "DecayingSum",
                                .infer = infer_decaying_sum,
                                .vjp = vjp_decaying_sum,
                                .vmap = vmap_decaying_sum};

array decaying_sum(const array& x, const array& weights, int axis, bool backwards, Stream s) {
  return make_node(kDecayingSum, {x, weights}, Attrs(DecayingSumAttrs{axis, backwards}), s);
}

array neighbours(const array& x, int axis, bool next, const array& edge, Stream s) {
  Shape start(x.ndim(), 0);
  Shape stop = x.shape();
  Shape low(1, 0), high(1, 0);
  if (x.shape(axis) > 0) {
    (next ? start[axis] : low[0]) = 1;
    next ? high[0] = 1 : --stop[axis];
  }
  return pad(slice(x, start, stop, s), {axis}, low, high, edge, "constant", s);
}

}  // namespace mlx::core
