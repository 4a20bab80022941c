// Sum, prod, max, min, all, any, argmax and argmin: dtype rules and derivatives.

#include "mlx/core/ops/reduce.h"

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/reduce_ops.h"
#include "mlx/core/ops/reduction_axes.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/utils.h"

namespace mlx::core {
namespace {

constexpr const char* kNames[kReduceKinds] = {"sum", "prod", "max", "min", "all", "any"};

Dtype sum_dtype(Dtype d) {
  if (d == bool_ || (issubdtype(d, signedinteger) && d.size() < 4)) {
    return int32;
  }
  return issubdtype(d, unsignedinteger) && d.size() < 4 ? uint32 : d;
}

Dtype result_dtype(ReduceKind kind, Dtype d) {
  switch (kind) {
    case ReduceKind::sum:
    case ReduceKind::prod:
      return sum_dtype(d);
    case ReduceKind::max:
    case ReduceKind::min:
      return d;
    case ReduceKind::all:
    case ReduceKind::any:
      break;
  }
  return bool_;
}

Type infer_reduce(Inputs in, const Attrs& attrs) {
  const auto& a = attrs.get<ReduceAttrs>();
  if (a.kind == ReduceKind::max || a.kind == ReduceKind::min) {
    for (int axis : a.axes) {
      require(in[0].shape()[axis] > 0, "[", std::string_view(kNames[static_cast<int>(a.kind)]),
              "] Axis ", axis, " of shape ", in[0].shape(),
              " is empty: there is no identity to return.");
    }
  }
  return {reduced_shape(in[0].shape(), a.axes, a.keepdims), result_dtype(a.kind, in[0].dtype())};
}

// A result or its cotangent with the reduced axes back as ones.
array keep_axes(const array& reduced, const array& in, const ReduceAttrs& attrs, Stream s) {
  return attrs.keepdims ? reduced
                        : reshape(reduced, reduced_shape(in.shape(), attrs.axes, true), s);
}

Arrays vjp_sum(const VjpArgs& args) {
  const array& in = args.inputs[0];
  const array g = keep_axes(args.cotangents[0], in, args.attrs.get<ReduceAttrs>(), args.stream);
  return {broadcast_to(astype(g, in.dtype(), args.stream), in.shape(), args.stream)};
}

// The product of all other elements, right also where some are zero: products
// of what comes before and of what comes after, along one flat axis.
Arrays vjp_prod(const VjpArgs& args) {
  const auto& attrs = args.attrs.get<ReduceAttrs>();
  const Stream s = args.stream;
  const array& in = args.inputs[0];
  if (in.size() == 0) {
    return {zeros_like(in, s)};
  }
  const array x = reduced_last(in, attrs.axes, s);
  const array others = multiply(cumprod(x, -1, false, false, std::nullopt, s),
                                cumprod(x, -1, true, false, std::nullopt, s), s);
  const std::vector<int> order = kept_axes_first(in, attrs.axes);
  Shape moved;
  std::vector<int> inverse(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    moved.push_back(in.shape()[order[i]]);
    inverse[static_cast<size_t>(order[i])] = static_cast<int>(i);
  }
  const array back = conjugate(transpose(reshape(others, moved, s), inverse, s), s);
  return {astype(multiply(keep_axes(args.cotangents[0], in, attrs, s), back, s), in.dtype(), s)};
}

// Elements that equal the extreme share its cotangent.
Arrays vjp_extreme(const VjpArgs& args) {
  const auto& attrs = args.attrs.get<ReduceAttrs>();
  const Stream s = args.stream;
  const array& in = args.inputs[0];
  const array mask = equal(in, keep_axes(args.outputs[0], in, attrs, s), s);
  const array count = astype(sum(mask, attrs.axes, true, s), in.dtype(), s);
  const array g = divide(keep_axes(args.cotangents[0], in, attrs, s), count, s);
  return {astype(where(mask, g, array(0, g.dtype()), s), in.dtype(), s)};
}

Mapped vmap_reduce(const VmapArgs& args) {
  ReduceAttrs attrs = args.attrs.get<ReduceAttrs>();
  attrs.axes = behind_mapped(attrs.axes);
  return map_in_front(kReduce[static_cast<int>(attrs.kind)], args, Attrs(std::move(attrs)));
}

array reduce(ReduceKind kind, const array& a, const std::vector<int>& axes, bool keepdims,
             StreamOrDevice s) {
  const int index = static_cast<int>(kind);
  auto sorted = checked_axes(axes, a, kNames[index]);
  if (sorted.empty() && kind != ReduceKind::all && kind != ReduceKind::any) {
    return a;
  }
  return make_node(kReduce[index], {a}, Attrs(ReduceAttrs{kind, std::move(sorted), keepdims}),
                   to_stream(std::move(s)));
}

}  // namespace

#define ROW(name_, vjp_) \
  { .name = name_, .infer = infer_reduce, .vjp = vjp_, .vmap = vmap_reduce, .fuses_producer = true }
constinit const Op kReduce[kReduceKinds] = {
    ROW("Sum", vjp_sum),     ROW("Prod", vjp_prod), ROW("Max", vjp_extreme),
    ROW("Min", vjp_extreme), ROW("All", nullptr),   ROW("Any", nullptr),
};
#undef ROW

#define MLX_REDUCTION(name)                                                                   \
  array name(const array& a, const std::vector<int>& axes, bool keepdims, StreamOrDevice s) { \
    return reduce(ReduceKind::name, a, axes, keepdims, std::move(s));                         \
  }                                                                                           \
  MLX_REDUCTION_OVERLOADS(name)
MLX_REDUCTION(sum)
MLX_REDUCTION(prod)
MLX_REDUCTION(max)
MLX_REDUCTION(min)
MLX_REDUCTION(all)
MLX_REDUCTION(any)

// ---- argmax and argmin

namespace {

Type infer_arg_reduce(Inputs in, const Attrs& attrs) {
  const int axis = attrs.get<ArgReduceAttrs>().axis;
  Shape shape = in[0].shape();
  require(shape[axis] > 0, attrs.get<ArgReduceAttrs>().is_max ? "[argmax]" : "[argmin]", " Axis ",
          axis, " of shape ", in[0].shape(), " is empty.");
  shape[axis] = 1;
  return {std::move(shape), uint32};
}

// An index does not change with small changes of the values.
Arrays vjp_zero(const VjpArgs& args) { return {zeros_like(args.inputs[0], args.stream)}; }

Mapped vmap_arg_reduce(const VmapArgs& args) {
  ArgReduceAttrs attrs = args.attrs.get<ArgReduceAttrs>();
  ++attrs.axis;
  return map_in_front(kArgReduce, args, Attrs(attrs));
}

array arg_reduce(const array& a, int axis, bool keepdims, bool is_max, StreamOrDevice s) {
  axis = checked_axis(axis, a, is_max ? "argmax" : "argmin");
  const array out = make_node(kArgReduce, {a}, Attrs(ArgReduceAttrs{axis, is_max}), to_stream(s));
  return keepdims ? out : squeeze(out, axis, s);
}

array arg_reduce_all(const array& a, bool keepdims, bool is_max, StreamOrDevice s) {
  const array out = arg_reduce(flatten(a, s), 0, false, is_max, s);
  return keepdims ? reshape(out, Shape(a.ndim(), 1), s) : out;
}

}  // namespace

constinit const Op kArgReduce{
    .name = "ArgReduce", .infer = infer_arg_reduce, .vjp = vjp_zero, .vmap = vmap_arg_reduce};

array argmax(const array& a, int axis, bool keepdims, StreamOrDevice s) {
  return arg_reduce(a, axis, keepdims, true, std::move(s));
}
array argmax(const array& a, bool keepdims, StreamOrDevice s) {
  return arg_reduce_all(a, keepdims, true, std::move(s));
}
array argmax(const array& a, StreamOrDevice s) { return argmax(a, false, std::move(s)); }
array argmin(const array& a, int axis, bool keepdims, StreamOrDevice s) {
  return arg_reduce(a, axis, keepdims, false, std::move(s));
}
array argmin(const array& a, bool keepdims, StreamOrDevice s) {
  return arg_reduce_all(a, keepdims, false, std::move(s));
}
array argmin(const array& a, StreamOrDevice s) { return argmin(a, false, std::move(s)); }

}  // namespace mlx::core
