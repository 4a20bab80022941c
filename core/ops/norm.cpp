// Norms of vectors and matrices.

#include <cmath>

#include "mlx/core/base/error.h"
#include "mlx/core/linalg.h"
#include "mlx/core/ops/axes.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/linalg_ops.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core::linalg {
namespace {

// Sizes of the elements, in the dtype of the norm.
array magnitudes(const array& a, Stream s) {
  if (a.dtype() == complex64) return abs(a, s);
  return abs(issubdtype(a.dtype(), inexact) ? a : astype(a, float32, s), s);
}

array root_of_squares(const array& a, const std::vector<int>& axes, bool keepdims, Stream s) {
  if (a.dtype() == complex64) return root_of_squares(abs(a, s), axes, keepdims, s);
  const array x = issubdtype(a.dtype(), inexact) ? a : astype(a, float32, s);
  return sqrt(sum(square(x, s), axes, keepdims, s), s);
}

array vector_norm(const array& a, double ord, const std::vector<int>& axes, bool keepdims,
                  Stream s) {
  const array x = magnitudes(a, s);
  if (std::isinf(ord)) return ord > 0 ? max(x, axes, keepdims, s) : min(x, axes, keepdims, s);
  if (ord == 0) {
    return sum(astype(not_equal(x, array(0, x.dtype()), s), x.dtype(), s), axes, keepdims, s);
  }
  if (ord == 1) return sum(x, axes, keepdims, s);
  if (ord == 2) return root_of_squares(a, axes, keepdims, s);
  const array powers = sum(power(x, array(ord, x.dtype()), s), axes, keepdims, s);
  return power(powers, array(1 / ord, x.dtype()), s);
}

// The singular values of the matrices in two axes, which become the last one.
array singular_values(const array& a, const std::vector<int>& axes, Stream s) {
  const int first = normalize_axis_index(axes[0], static_cast<int>(a.ndim()), "[linalg::norm] ");
  const int second = normalize_axis_index(axes[1], static_cast<int>(a.ndim()), "[linalg::norm] ");
  std::vector<int> order;
  for (int d = 0; d < static_cast<int>(a.ndim()); ++d) {
    if (d != first && d != second) order.push_back(d);
  }
  order.push_back(first);
  order.push_back(second);
  const bool as_it_is = a.dtype() == float64 || a.dtype() == complex64;
  const array x = transpose(as_it_is ? a : astype(a, float32, s), order, s);
  const array values = svd(x, false, s)[0];
  return issubdtype(a.dtype(), floating) ? astype(values, a.dtype(), s) : values;
}

array with_axes_kept(const array& x, std::vector<int> axes, bool keepdims, size_t rank, Stream s) {
  if (!keepdims) return x;
  for (int& axis : axes) axis = normalize_axis_index(axis, static_cast<int>(rank));
  return expand_dims(x, axes, s);
}

// Largest or smallest of the sums along one of two axes.
array extreme_sum(const array& a, int summed, int other, bool largest, bool keepdims, Stream s) {
  const int rank = static_cast<int>(a.ndim());
  const array sums = sum(magnitudes(a, s), summed, true, s);
  const array extreme = largest ? max(sums, other, true, s) : min(sums, other, true, s);
  if (keepdims) return extreme;
  return squeeze(
      extreme,
      std::vector<int>{normalize_axis_index(summed, rank), normalize_axis_index(other, rank)}, s);
}

array matrix_norm(const array& a, double ord, const std::vector<int>& axes, bool keepdims,
                  Stream s) {
  if (std::abs(ord) == 1) return extreme_sum(a, axes[0], axes[1], ord > 0, keepdims, s);
  if (std::isinf(ord)) return extreme_sum(a, axes[1], axes[0], ord > 0, keepdims, s);
  require(std::abs(ord) == 2, "[linalg::norm] Order of a matrix norm: got ", ord,
          ", expected 1, -1, 2, -2, infinity or -infinity.");
  const array values = singular_values(a, axes, s);
  const array out = ord > 0 ? max(values, -1, false, s) : min(values, -1, false, s);
  return with_axes_kept(out, axes, keepdims, a.ndim(), s);
}

array matrix_norm(const array& a, const std::string& ord, const std::vector<int>& axes,
                  bool keepdims, Stream s) {
  require(axes.size() == 2, "[linalg::norm] Order \"", ord, "\" is for matrices: got ", axes.size(),
          " axes, expected 2.");
  if (ord == "f" || ord == "fro") return root_of_squares(a, axes, keepdims, s);
  require(ord == "nuc", "[linalg::norm] Order of a matrix norm: got \"", ord,
          "\", expected \"fro\", \"f\" or \"nuc\".");
  return with_axes_kept(sum(singular_values(a, axes, s), -1, false, s), axes, keepdims, a.ndim(),
                        s);
}

}  // namespace

array norm(const array& a, const double ord, const std::optional<std::vector<int>>& axis,
           bool keepdims, StreamOrDevice s) {
  const std::vector<int> axes = axis.value_or(all_axes(a));
  require(axes.size() == 1 || axes.size() == 2, "[linalg::norm] Number of axes: got ", axes.size(),
          ", expected 1 for vectors or 2 for matrices.");
  const Stream stream = to_stream(std::move(s));
  return axes.size() == 1 ? vector_norm(a, ord, axes, keepdims, stream)
                          : matrix_norm(a, ord, axes, keepdims, stream);
}
array norm(const array& a, const double ord, int axis, bool keepdims, StreamOrDevice s) {
  return norm(a, ord, std::vector<int>{axis}, keepdims, std::move(s));
}

array norm(const array& a, const std::string& ord, const std::optional<std::vector<int>>& axis,
           bool keepdims, StreamOrDevice s) {
  return matrix_norm(a, ord, axis.value_or(all_axes(a)), keepdims, to_stream(std::move(s)));
}
array norm(const array& a, const std::string& ord, int axis, bool keepdims, StreamOrDevice s) {
  return norm(a, ord, std::vector<int>{axis}, keepdims, std::move(s));
}

array norm(const array& a, const std::optional<std::vector<int>>& axis, bool keepdims,
           StreamOrDevice s) {
  const Stream stream = to_stream(std::move(s));
  if (!axis) return root_of_squares(a, all_axes(a), keepdims, stream);
  require(axis->size() <= 2, "[linalg::norm] Number of axes: got ", axis->size(),
          ", expected at most 2.");
  return root_of_squares(a, *axis, keepdims, stream);
}
array norm(const array& a, int axis, bool keepdims, StreamOrDevice s) {
  return norm(a, std::vector<int>{axis}, keepdims, std::move(s));
}

}  // namespace mlx::core::linalg
