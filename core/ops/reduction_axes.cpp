#include "mlx/core/ops/reduction_axes.h"

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {

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

}  // namespace mlx::core
