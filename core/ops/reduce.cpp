// Reductions: checks, dtype rules, derivatives, and what they make up.

#include "mlx/core/ops/reduce.h"

#include <algorithm>
#include <numeric>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/reduce_ops.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/ops/sort.h"
#include "mlx/core/utils.h"

namespace mlx::core {
namespace {

int rank_of(const array& a) { return static_cast<int>(a.ndim()); }

constexpr const char* kNames[kReduceKinds] = {"sum", "prod", "max", "min", "all", "any"};

std::vector<int> all_axes(const array& a) {
  std::vector<int> axes(a.ndim());
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

// Sorted, non-negative, without repetition.
std::vector<int> checked_axes(const std::vector<int>& axes, const array& a, std::string_view op) {
  std::vector<int> out;
  for (int axis : axes) {
    if (axis < -rank_of(a) || axis >= rank_of(a)) {
      throw std::out_of_range(concat("[", op, "] Axis ", axis, " is out of bounds for an array of ",
                                     a.ndim(), " dimensions."));
    }
    out.push_back(axis < 0 ? axis + rank_of(a) : axis);
  }
  std::sort(out.begin(), out.end());
  require(std::adjacent_find(out.begin(), out.end()) == out.end(), "[", op,
          "] An axis is given twice.");
  return out;
}

Shape reduced_shape(const Shape& shape, const std::vector<int>& axes, bool keepdims) {
  Shape out;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (!std::binary_search(axes.begin(), axes.end(), static_cast<int>(i))) {
      out.push_back(shape[i]);
    } else if (keepdims) {
      out.push_back(1);
    }
  }
  return out;
}

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
  std::vector<int> order;
  for (int i = 0; i < rank_of(in); ++i) {
    if (!std::binary_search(attrs.axes.begin(), attrs.axes.end(), i)) {
      order.push_back(i);
    }
  }
  order.insert(order.end(), attrs.axes.begin(), attrs.axes.end());
  const array moved = transpose(in, order, s);
  Shape flat = reduced_shape(in.shape(), attrs.axes, false);
  flat.push_back(-1);
  const array x = in.size() == 0 ? moved : reshape(moved, flat, s);
  if (in.size() == 0) {
    return {zeros_like(in, s)};
  }
  const array others = multiply(cumprod(x, -1, false, false, std::nullopt, s),
                                cumprod(x, -1, true, false, std::nullopt, s), s);
  std::vector<int> inverse(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    inverse[static_cast<size_t>(order[i])] = static_cast<int>(i);
  }
  const array back = transpose(reshape(others, moved.shape(), s), inverse, s);
  return {multiply(keep_axes(args.cotangents[0], in, attrs, s), back, s)};
}

// Elements that equal the extreme share its cotangent.
Arrays vjp_extreme(const VjpArgs& args) {
  const auto& attrs = args.attrs.get<ReduceAttrs>();
  const Stream s = args.stream;
  const array& in = args.inputs[0];
  const array mask = equal(in, keep_axes(args.outputs[0], in, attrs, s), s);
  const array count = astype(sum(mask, attrs.axes, true, s), in.dtype(), s);
  const array g = divide(keep_axes(args.cotangents[0], in, attrs, s), count, s);
  return {astype(multiply(mask, g, s), in.dtype(), s)};
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

constinit const Op kReduce[kReduceKinds] = {
    {.name = "Sum", .infer = infer_reduce, .vjp = vjp_sum, .fuses_producer = true},
    {.name = "Prod", .infer = infer_reduce, .vjp = vjp_prod, .fuses_producer = true},
    {.name = "Max", .infer = infer_reduce, .vjp = vjp_extreme, .fuses_producer = true},
    {.name = "Min", .infer = infer_reduce, .vjp = vjp_extreme, .fuses_producer = true},
    {.name = "All", .infer = infer_reduce, .fuses_producer = true},
    {.name = "Any", .infer = infer_reduce, .fuses_producer = true},
};

// The overloads that every reduction has: over everything, over one axis.
#define MLX_REDUCTION_OVERLOADS(name)                                     \
  array name(const array& a, bool keepdims, StreamOrDevice s) {           \
    return name(a, all_axes(a), keepdims, std::move(s));                  \
  }                                                                       \
  array name(const array& a, StreamOrDevice s) {                          \
    return name(a, all_axes(a), false, std::move(s));                     \
  }                                                                       \
  array name(const array& a, int axis, bool keepdims, StreamOrDevice s) { \
    return name(a, std::vector<int>{axis}, keepdims, std::move(s));       \
  }
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
MLX_REDUCTION_OVERLOADS(logsumexp)

// ---- mean, var, std, median

namespace {

int64_t count_of(const array& a, const std::vector<int>& axes) {
  int64_t count = 1;
  for (int axis : axes) {
    count *= a.shape()[axis];
  }
  return count;
}

std::vector<int> axes_of_mean(const std::vector<int>& axes, const array& a, const char* op) {
  std::vector<int> out;
  for (int axis : axes) {
    out.push_back(normalize_axis_index(axis, rank_of(a), concat("[", std::string_view(op), "] ")));
  }
  std::sort(out.begin(), out.end());
  require(std::adjacent_find(out.begin(), out.end()) == out.end(), "[", std::string_view(op),
          "] An axis is given twice.");
  return out;
}

Dtype at_least_float(Dtype d) { return issubdtype(d, inexact) ? d : float32; }

// Half types would overflow in a sum: what is averaged is float32 at least.
Dtype accumulating(Dtype d) { return d == float16 || d == bfloat16 ? float32 : at_least_float(d); }

array sum_in(const array& a, Dtype dtype, const std::vector<int>& axes, bool keepdims,
             StreamOrDevice s) {
  return axes.empty() ? astype(a, dtype, s) : sum(astype(a, dtype, s), axes, keepdims, s);
}

array mean_in(const array& a, Dtype dtype, const std::vector<int>& axes, bool keepdims,
              StreamOrDevice s) {
  const array scale(1.0 / static_cast<double>(count_of(a, axes)),
                    dtype == float64 ? float64 : float32);
  return multiply(sum_in(a, dtype, axes, keepdims, s), scale, s);
}

}  // namespace

array mean(const array& a, const std::vector<int>& axes, bool keepdims, StreamOrDevice s) {
  const auto sorted = axes_of_mean(axes, a, "mean");
  const Dtype dtype = at_least_float(a.dtype());
  return astype(mean_in(a, accumulating(a.dtype()), sorted, keepdims, s), dtype, s);
}
MLX_REDUCTION_OVERLOADS(mean)

array var(const array& a, const std::vector<int>& axes, bool keepdims, int ddof, StreamOrDevice s) {
  const auto sorted = axes_of_mean(axes, a, "var");
  const Dtype working = accumulating(a.dtype());
  const array centered = subtract(a, mean_in(a, working, sorted, true, s), s);
  const array squares = a.dtype() == complex64 ? square(abs(centered, s), s) : square(centered, s);
  const Dtype real = a.dtype() == complex64 ? float32 : working;
  const array total = sum_in(squares, real, sorted, keepdims, s);
  const double divisor = static_cast<double>(std::max<int64_t>(count_of(a, sorted) - ddof, 0));
  const Dtype dtype = a.dtype() == complex64 ? float32 : at_least_float(a.dtype());
  return astype(divide(total, array(divisor, real), s), dtype, s);
}
array var(const array& a, bool keepdims, int ddof, StreamOrDevice s) {
  return var(a, all_axes(a), keepdims, ddof, std::move(s));
}
array var(const array& a, StreamOrDevice s) { return var(a, all_axes(a), false, 0, std::move(s)); }
array var(const array& a, int axis, bool keepdims, int ddof, StreamOrDevice s) {
  return var(a, std::vector<int>{axis}, keepdims, ddof, std::move(s));
}

array std(const array& a, const std::vector<int>& axes, bool keepdims, int ddof, StreamOrDevice s) {
  return sqrt(var(a, axes, keepdims, ddof, s), s);
}
array std(const array& a, bool keepdims, int ddof, StreamOrDevice s) {
  return sqrt(var(a, keepdims, ddof, s), s);
}
array std(const array& a, StreamOrDevice s) { return sqrt(var(a, s), s); }
array std(const array& a, int axis, bool keepdims, int ddof, StreamOrDevice s) {
  return sqrt(var(a, axis, keepdims, ddof, s), s);
}

array median(const array& a, const std::vector<int>& axes, bool keepdims, StreamOrDevice s) {
  const auto sorted = axes_of_mean(axes, a, "median");
  require(count_of(a, sorted) > 0, "[median] There is no median of no elements.");
  std::vector<int> order;
  for (int i = 0; i < rank_of(a); ++i) {
    if (!std::binary_search(sorted.begin(), sorted.end(), i)) {
      order.push_back(i);
    }
  }
  order.insert(order.end(), sorted.begin(), sorted.end());
  Shape flat = reduced_shape(a.shape(), sorted, false);
  const int64_t count = count_of(a, sorted);
  flat.push_back(count);
  const array values = sort(reshape(transpose(a, order, s), flat, s), -1, s);
  Shape start(flat.size(), 0);
  Shape stop = flat;
  start.back() = (count - 1) / 2;
  stop.back() = count / 2 + 1;
  array middle = mean(slice(values, start, stop, s), -1, false, s);
  if (issubdtype(a.dtype(), inexact)) {  // a NaN anywhere is the last value
    start.back() = count - 1;
    const array last = squeeze(slice(values, start, flat, s), -1, s);
    middle = where(isnan(last, s), last, middle, s);
  }
  return reshape(middle, reduced_shape(a.shape(), sorted, keepdims), s);
}
MLX_REDUCTION_OVERLOADS(median)

// ---- counting and comparing

array count_nonzero(const array& a, const std::vector<int>& axes, bool keepdims, StreamOrDevice s) {
  return astype(sum(not_equal(a, array(0, a.dtype()), s), axes, keepdims, s), int32, s);
}
array count_nonzero(const array& a, bool keepdims, StreamOrDevice s) {
  return count_nonzero(a, all_axes(a), keepdims, std::move(s));
}
array count_nonzero(const array& a, int axis, bool keepdims, StreamOrDevice s) {
  return count_nonzero(a, std::vector<int>{axis}, keepdims, std::move(s));
}

array array_equal(const array& a, const array& b, bool equal_nan, StreamOrDevice s) {
  if (a.shape() != b.shape()) {
    return array(false);
  }
  array same = equal(a, b, s);
  if (equal_nan && issubdtype(result_type(a, b), inexact)) {
    same = logical_or(same, logical_and(isnan(a, s), isnan(b, s), s), s);
  }
  return all(same, false, s);
}
array array_equal(const array& a, const array& b, StreamOrDevice s) {
  return array_equal(a, b, false, std::move(s));
}

array allclose(const array& a, const array& b, double rtol, double atol, bool equal_nan,
               StreamOrDevice s) {
  return all(isclose(a, b, rtol, atol, equal_nan, s), false, s);
}

// ---- logsumexp and softmax

array logsumexp(const array& a, const std::vector<int>& axes, bool keepdims, StreamOrDevice s) {
  const auto sorted = checked_axes(axes, a, "logsumexp");
  const array x = astype(a, at_least_float(a.dtype()), s);
  // The shift cancels in the value and in the derivative. Infinite ones must not enter it.
  const array top = stop_gradient(max(x, sorted, true, s), s);
  const array shift = where(isfinite(top, s), top, zeros_like(top, s), s);
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

}  // namespace

constinit const Op kSoftmax{.name = "Softmax", .infer = infer_softmax, .vjp = vjp_softmax};

array softmax(const array& a, const std::vector<int>& axes, bool precise, StreamOrDevice s) {
  const auto sorted = checked_axes(axes, a, "softmax");
  const bool last = sorted.size() == 1 && sorted[0] == rank_of(a) - 1;
  if (a.size() == 0) {
    return last ? astype(a, at_least_float(a.dtype()), s) : a;
  }
  if (last && a.dtype() != complex64) {
    return make_node(kSoftmax, {a}, Attrs(), to_stream(s));  // always in float32 at least
  }
  const array x = precise ? astype(a, accumulating(a.dtype()), s) : a;
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

array arg_reduce(const array& a, int axis, bool keepdims, bool is_max, StreamOrDevice s) {
  axis = checked_axes({axis}, a, is_max ? "argmax" : "argmin")[0];
  const array out = make_node(kArgReduce, {a}, Attrs(ArgReduceAttrs{axis, is_max}), to_stream(s));
  return keepdims ? out : squeeze(out, axis, s);
}

array arg_reduce_all(const array& a, bool keepdims, bool is_max, StreamOrDevice s) {
  const array out = arg_reduce(flatten(a, s), 0, false, is_max, s);
  return keepdims ? reshape(out, Shape(a.ndim(), 1), s) : out;
}

}  // namespace

constinit const Op kArgReduce{.name = "ArgReduce", .infer = infer_arg_reduce, .vjp = vjp_zero};

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
