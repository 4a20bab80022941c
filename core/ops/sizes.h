#pragma once

// The op behind number_of_elements.

#include <vector>

#include "mlx/core/graph/op.h"

namespace mlx::core {

/// The product of the sizes of the axes, or 1 over it.
struct CountAttrs {
  std::vector<int> axes;
  bool inverted;
  Dtype dtype;
  bool operator==(const CountAttrs&) const = default;
};

extern const Op kNumberOfElements;

}  // namespace mlx::core
