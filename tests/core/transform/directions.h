#pragma once

// Derivatives in fixed directions.

#include <functional>
#include <vector>

#include "core/transform/values.h"
#include "mlx/core/graph/op.h"

namespace mlx::core {

using Scalar = std::function<array(const Arrays&)>;

/// 0, 1, ...: with respect to every input.
inline std::vector<int> all_argnums(const Arrays& inputs) {
  std::vector<int> argnums;
  for (size_t i = 0; i < inputs.size(); ++i) argnums.push_back(static_cast<int>(i));
  return argnums;
}

/// One for each input.
inline Arrays directions(const Arrays& inputs, int seed) {
  Arrays v;
  for (const array& x : inputs) v.push_back(spread(x.shape(), -1, 1, ++seed));
  return v;
}

inline array inner_product(const Arrays& a, const Arrays& b) {
  array total(0.0, float64);
  for (size_t i = 0; i < a.size(); ++i) total = total + sum(a[i] * b[i]);
  return total;
}

}  // namespace mlx::core
