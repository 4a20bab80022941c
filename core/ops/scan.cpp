// Cumulative operations along one axis.

#include <limits>

#include "mlx/core/base/error.h"
#include "mlx/core/ops/axes.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/reduce_ops.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/utils.h"

namespace mlx::core {
namespace {

Type infer_scan(Inputs in, const Attrs&) { return {in[0].shape(), in[0].dtype()}; }

array scan(ScanKind kind, const array& a, int axis, bool reverse, bool inclusive, const char* op,
           StreamOrDevice s) {
  axis = normalize_axis_index(axis, rank_of(a), concat("[", std::string_view(op), "] "));
  return make_node(kScan, {a}, Attrs(ScanAttrs{kind, axis, reverse, inclusive}),
                   to_stream(std::move(s)));
}

// dy_i / dx_k is the product of what is before k times the products between k and i. Nothing is
// divided by x, which may be 0.
array cumprod_vjp(array x, const array& g, const ScanAttrs& attrs, Stream s) {
  x = conjugate(x, s);
  const bool next = !attrs.reverse;  // the scan's direction
  const array zero(0, x.dtype());
  const array before = scan(ScanKind::prod, x, attrs.axis, attrs.reverse, false, "cumprod", s);
  const array sums =
      attrs.inclusive
          ? decaying_sum(g, neighbours(x, attrs.axis, next, zero, s), attrs.axis, next, s)
          : neighbours(decaying_sum(g, x, attrs.axis, next, s), attrs.axis, next, zero, s);
  return multiply(before, sums, s);
}

// The position that each element's extreme came from; its cotangent goes there.
array cumulative_extreme_vjp(const array& x, const array& y, const array& g, const ScanAttrs& attrs,
                             Stream s) {
  const int n = static_cast<int>(x.shape()[attrs.axis]);
  Shape along(x.ndim(), 1);
  along[attrs.axis] = n;
  const array position = reshape(arange(0, n, 1, s), along, s);
  // A new extreme is where the inclusive scan takes on the element's value.
  const array inclusive =
      attrs.inclusive ? y : scan(attrs.kind, x, attrs.axis, attrs.reverse, true, "cummax", s);
  const array is_new = equal(x, inclusive, s);
  const array nowhere(attrs.reverse ? n : -1, int32);
  const array source =
      attrs.reverse
          ? cummin(where(is_new, position, nowhere, s), attrs.axis, true, attrs.inclusive, s)
          : cummax(where(is_new, position, nowhere, s), attrs.axis, false, attrs.inclusive, s);
  // The first element of an exclusive scan has no source.
  const array has_source =
      logical_and(greater_equal(source, array(0), s), less(source, array(n), s), s);
  const array index = where(has_source, source, array(0), s);
  const array flowing = where(has_source, g, zeros_like(g, s), s);
  return scatter_add_axis(zeros_like(x, s), index, flowing, attrs.axis, s);
}

// dy_i / dx_k = exp(x_k - y_i). The products of neighbours' ratios are that, and
// none of them overflows. Where nothing was added up yet, y is -inf, and the
// ratio 0.
array logcumsumexp_vjp(const array& input, const array& output, const array& g,
                       const ScanAttrs& attrs, Stream s) {
  // Roundings of a ratio go into all that follows: those of narrower floats would add up.
  const Dtype dtype = g.dtype() == complex64 ? complex64 : float64;
  const array x = conjugate(astype(input, dtype, s), s);
  const array y = conjugate(astype(output, dtype, s), s);
  const bool next = !attrs.reverse;  // the scan's direction
  const array infinity(std::numeric_limits<double>::infinity(), y.dtype());
  const array bounded = where(isfinite(y, s), y, infinity, s);
  const array next_y = neighbours(bounded, attrs.axis, next, infinity, s);
  const array sums =
      decaying_sum(astype(g, dtype, s), exp(subtract(y, next_y, s), s), attrs.axis, next, s);
  const array gradient = attrs.inclusive
                             ? multiply(exp(subtract(x, bounded, s), s), sums, s)
                             : multiply(exp(subtract(x, next_y, s), s),
                                        neighbours(sums, attrs.axis, next, array(0, dtype), s), s);
  return astype(gradient, g.dtype(), s);
}

Arrays vjp_scan(const VjpArgs& args) {
  const auto& attrs = args.attrs.get<ScanAttrs>();
  const Stream s = args.stream;
  const array& x = args.inputs[0];
  const array& g = args.cotangents[0];
  switch (attrs.kind) {
    case ScanKind::sum:
      return {scan(ScanKind::sum, g, attrs.axis, !attrs.reverse, attrs.inclusive, "cumsum", s)};
    case ScanKind::prod:
      return {cumprod_vjp(x, g, attrs, s)};
    case ScanKind::max:
    case ScanKind::min:
      return {cumulative_extreme_vjp(x, args.outputs[0], g, attrs, s)};
    case ScanKind::logaddexp:
      break;
  }
  return {logcumsumexp_vjp(x, args.outputs[0], g, attrs, s)};
}

Mapped vmap_scan(const VmapArgs& args) {
  ScanAttrs attrs = args.attrs.get<ScanAttrs>();
  ++attrs.axis;
  return map_in_front(kScan, args, Attrs(attrs));
}

array in_dtype(const array& a, std::optional<Dtype> dtype, StreamOrDevice s) {
  return dtype ? astype(a, *dtype, std::move(s)) : a;
}

}  // namespace

constinit const Op kScan{.name = "Scan", .infer = infer_scan, .vjp = vjp_scan, .vmap = vmap_scan};

array cumsum(const array& a, int axis, bool reverse, bool inclusive, std::optional<Dtype> dtype,
             StreamOrDevice s) {
  const Dtype out = dtype.value_or(a.dtype() == bool_ ? int32 : a.dtype());
  return scan(ScanKind::sum, astype(a, out, s), axis, reverse, inclusive, "cumsum", s);
}
array cumsum(const array& a, int axis, bool reverse, bool inclusive, StreamOrDevice s) {
  return cumsum(a, axis, reverse, inclusive, std::nullopt, std::move(s));
}
array cumsum(const array& a, bool reverse, bool inclusive, std::optional<Dtype> dtype,
             StreamOrDevice s) {
  return cumsum(flatten(a, s), 0, reverse, inclusive, dtype, s);
}
array cumsum(const array& a, bool reverse, bool inclusive, StreamOrDevice s) {
  return cumsum(a, reverse, inclusive, std::nullopt, std::move(s));
}

array cumprod(const array& a, int axis, bool reverse, bool inclusive, std::optional<Dtype> dtype,
              StreamOrDevice s) {
  return scan(ScanKind::prod, in_dtype(a, dtype, s), axis, reverse, inclusive, "cumprod", s);
}
array cumprod(const array& a, int axis, bool reverse, bool inclusive, StreamOrDevice s) {
  return cumprod(a, axis, reverse, inclusive, std::nullopt, std::move(s));
}
array cumprod(const array& a, bool reverse, bool inclusive, std::optional<Dtype> dtype,
              StreamOrDevice s) {
  return cumprod(flatten(a, s), 0, reverse, inclusive, dtype, s);
}
array cumprod(const array& a, bool reverse, bool inclusive, StreamOrDevice s) {
  return cumprod(a, reverse, inclusive, std::nullopt, std::move(s));
}

array cummax(const array& a, int axis, bool reverse, bool inclusive, StreamOrDevice s) {
  return scan(ScanKind::max, a, axis, reverse, inclusive, "cummax", std::move(s));
}
array cummax(const array& a, bool reverse, bool inclusive, StreamOrDevice s) {
  return cummax(flatten(a, s), 0, reverse, inclusive, s);
}
array cummin(const array& a, int axis, bool reverse, bool inclusive, StreamOrDevice s) {
  return scan(ScanKind::min, a, axis, reverse, inclusive, "cummin", std::move(s));
}
array cummin(const array& a, bool reverse, bool inclusive, StreamOrDevice s) {
  return cummin(flatten(a, s), 0, reverse, inclusive, s);
}

array logcumsumexp(const array& a, int axis, bool reverse, bool inclusive, StreamOrDevice s) {
  // Integers keep their dtype, as in MLX, but add up as floats.
  const array x = issubdtype(a.dtype(), inexact) ? a : astype(a, float32, s);
  const array y = scan(ScanKind::logaddexp, x, axis, reverse, inclusive, "logcumsumexp", s);
  return astype(y, a.dtype(), s);
}
array logcumsumexp(const array& a, bool reverse, bool inclusive, StreamOrDevice s) {
  return logcumsumexp(flatten(a, s), 0, reverse, inclusive, s);
}

}  // namespace mlx::core
