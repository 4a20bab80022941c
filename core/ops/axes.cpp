#include "mlx/core/ops/axes.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "mlx/core/base/error.h"

namespace mlx::core {

std::vector<int> all_axes(const array& a) {
  std::vector<int> axes(a.ndim());
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

int checked_axis(int axis, const array& a, std::string_view op) {
  const int ndim = rank_of(a);
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

}  // namespace mlx::core
