#pragma once

#include <gmock/gmock.h>

#include <cmath>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/shape.h"

namespace mlx::test {

/// The elements of an array of any dtype as floats, in row-major order.
inline std::vector<float> values(const core::array& x) {
  core::array flat = core::contiguous(core::astype(x, core::float32));
  flat.eval();
  return {flat.data<float>(), flat.data<float>() + flat.size()};
}

/// Matches vectors whose elements are within `tolerance`, relative to 1 and to their size.
MATCHER_P2(ElementsNear, expected, tolerance, "") {
  if (arg.size() != expected.size()) {
    *result_listener << "has " << arg.size() << " elements";
    return false;
  }
  for (size_t i = 0; i < arg.size(); ++i) {
    if (!(std::abs(arg[i] - expected[i]) <= tolerance * (1 + std::abs(expected[i])))) {
      *result_listener << "element " << i << " is " << arg[i];
      return false;
    }
  }
  return true;
}

}  // namespace mlx::test
