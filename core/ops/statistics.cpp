// What sums and sorting make up: mean, variance, median, counting, comparing.

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/graph/trace.h"
#include "mlx/core/ops/dtype_rules.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/formula.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/reduce_ops.h"
#include "mlx/core/ops/reduction_axes.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/ops/sort.h"
#include "mlx/core/utils.h"

namespace mlx::core {
namespace {

std::vector<int> axes_of_mean(const std::vector<int>& axes, const array& a, const char* op) {
  std::vector<int> out;
  for (int axis : axes) {
    out.push_back(normalize_axis_index(axis, static_cast<int>(a.ndim()),
                                       concat("[", std::string_view(op), "] ")));
  }
  std::sort(out.begin(), out.end());
  require(std::adjacent_find(out.begin(), out.end()) == out.end(), "[", std::string_view(op),
          "] An axis is given twice.");
  return out;
}

array sum_in(const array& a, Dtype dtype, const std::vector<int>& axes, bool keepdims,
             StreamOrDevice s) {
  return axes.empty() ? astype(a, dtype, s) : sum(astype(a, dtype, s), axes, keepdims, s);
}

array mean_in(const array& a, Dtype dtype, const std::vector<int>& axes, bool keepdims,
              StreamOrDevice s) {
  const array scale = number_of_elements(a, axes, true, dtype == float64 ? float64 : float32, s);
  return multiply(sum_in(a, dtype, axes, keepdims, s), scale, s);
}

// The number of elements less ddof, as it divides a variance.
array degrees_of_freedom(const array& a, const std::vector<int>& axes, int ddof, Dtype dtype,
                         StreamOrDevice s) {
  if (!ShapelessScope::active()) {
    return array(static_cast<double>(std::max<int64_t>(reduced_count(a, axes) - ddof, 0)), dtype);
  }
  const array count = number_of_elements(a, axes, false, dtype, s);
  return maximum(subtract(count, array(ddof, dtype), s), array(0, dtype), s);
}

}  // namespace

array mean(const array& a, const std::vector<int>& axes, bool keepdims, StreamOrDevice s) {
  const auto sorted = axes_of_mean(axes, a, "mean");
  const Dtype dtype = at_least_float(a.dtype());
  return astype(mean_in(a, accumulating(a.dtype()), sorted, keepdims, s), dtype, s);
}
MLX_REDUCTION_OVERLOADS(mean)

namespace {

array mean_of_squared_deviations(const array& a, const std::vector<int>& sorted, bool keepdims,
                                 int ddof, StreamOrDevice s) {
  const Dtype working = accumulating(a.dtype());
  const array centered = subtract(a, mean_in(a, working, sorted, true, s), s);
  const array squares = a.dtype() == complex64 ? square(abs(centered, s), s) : square(centered, s);
  const Dtype real = a.dtype() == complex64 ? float32 : working;
  const array total = sum_in(squares, real, sorted, keepdims, s);
  const Dtype dtype = a.dtype() == complex64 ? float32 : at_least_float(a.dtype());
  return astype(divide(total, degrees_of_freedom(a, sorted, ddof, real, s), s), dtype, s);
}

Type infer_variance(Inputs in, const Attrs& attrs) {
  const auto& [axes, keepdims, ddof] = attrs.get<VarianceAttrs>();
  return {reduced_shape(in[0].shape(), axes, keepdims), in[0].dtype()};
}

Mapped vmap_variance(const VmapArgs& args) {
  VarianceAttrs attrs = args.attrs.get<VarianceAttrs>();
  attrs.axes = behind_mapped(attrs.axes);
  return map_in_front(kVariance, args, Attrs(std::move(attrs)));
}

}  // namespace

Arrays formula_variance(Inputs inputs, const Attrs& attrs, Stream stream) {
  const auto& [axes, keepdims, ddof] = attrs.get<VarianceAttrs>();
  return {mean_of_squared_deviations(inputs[0], axes, keepdims, ddof, stream)};
}

constinit const Op kVariance{.name = "Variance",
                             .infer = infer_variance,
                             .vjp = vjp_by<formula_variance>,
                             .jvp = jvp_by<formula_variance>,
                             .vmap = vmap_variance};

array var(const array& a, const std::vector<int>& axes, bool keepdims, int ddof, StreamOrDevice s) {
  auto sorted = axes_of_mean(axes, a, "var");
  if (a.dtype() != float32 || sorted.empty()) {
    return mean_of_squared_deviations(a, sorted, keepdims, ddof, std::move(s));
  }
  return make_node(kVariance, {a}, Attrs(VarianceAttrs{std::move(sorted), keepdims, ddof}),
                   to_stream(std::move(s)));
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
  require(reduced_count(a, sorted) > 0, "[median] There is no median of no elements.");
  const array values = sort(reduced_last(a, sorted, to_stream(s)), -1, s);
  const int64_t count = values.shape(-1);
  Shape start(values.ndim(), 0);
  Shape stop = values.shape();
  start.back() = (count - 1) / 2;
  stop.back() = count / 2 + 1;
  array middle = mean(slice(values, start, stop, s), -1, false, s);
  if (issubdtype(a.dtype(), inexact)) {  // a NaN anywhere is the last value
    start.back() = count - 1;
    const array last = squeeze(slice(values, start, values.shape(), s), -1, s);
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

}  // namespace mlx::core
