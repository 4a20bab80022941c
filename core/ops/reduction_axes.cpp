#include "mlx/core/ops/reduction_axes.h"

#include <algorithm>
#include <numeric>

#include "mlx/core/base/error.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {

std::vector<int> all_axes(const array& a) {
  std::vector<int> axes(a.ndim());
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

int checked_axis(int axis, const array& a, std::string_view op) {
  const int ndim = static_cast<int>(a.ndim());
  if (axis < -ndim || axis >= ndim) {
    throw std::out_of_range(concat("[", op, "] Axis ", axis, " is out of bounds for an array of ",
                                   ndim, " dimensions."));
  }
  return axis < 0 ? axis + ndim : axis;
}

std::vector<int> checked_axes(const std::vector<int>& axes, const array& a, std::string_view op) {
  std::vector<int> out;
  for (int axis : axes) {
    out.push_back(checked_axis(axis, a, op));
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

int64_t reduced_count(const array& a, const std::vector<int>& axes) {
  int64_t count = 1;
  for (int axis : axes) {
    count *= a.shape()[axis];
  }
  return count;
}

std::vector<int> kept_axes_first(const array& a, const std::vector<int>& axes) {
  std::vector<int> order;
  for (int i = 0; i < static_cast<int>(a.ndim()); ++i) {
    if (!std::binary_search(axes.begin(), axes.end(), i)) {
      order.push_back(i);
    }
  }
  order.insert(order.end(), axes.begin(), axes.end());
  return order;
}

array reduced_last(const array& a, const std::vector<int>& axes, Stream s) {
  Shape flat = reduced_shape(a.shape(), axes, false);
  flat.push_back(reduced_count(a, axes));
  return reshape(transpose(a, kept_axes_first(a, axes), s), flat, s);
}

Dtype at_least_float(Dtype dtype) { return issubdtype(dtype, inexact) ? dtype : float32; }

Dtype accumulating(Dtype dtype) {
  return dtype == float16 || dtype == bfloat16 ? float32 : at_least_float(dtype);
}

}  // namespace mlx::core
