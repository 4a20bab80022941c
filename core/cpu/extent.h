#pragma once

#include <cstdint>

#include "mlx/core/array.h"

namespace mlx::core::cpu {

/// A row-major array as [outer, n, inner], seen from the axis of n elements.
struct Extent {
  int64_t outer, n, inner;
};

inline Extent extent_along(const Shape& shape, int axis) {
  const auto at = static_cast<size_t>(axis);
  Extent extent{1, shape[at], 1};
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i != at) (i < at ? extent.outer : extent.inner) *= shape[i];
  }
  return extent;
}

}  // namespace mlx::core::cpu
