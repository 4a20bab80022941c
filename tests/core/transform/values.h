#pragma once

// Arrays to numbers and back, for the tests of transforms.

#include <cmath>
#include <vector>

#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"

namespace mlx::core {

/// The elements as doubles, row-major.
inline std::vector<double> values(const array& a) {
  array wide = contiguous(astype(a, float64));
  wide.eval();
  return {wide.data<double>(), wide.data<double>() + wide.size()};
}

/// Numbers in [low, high], the same in every run.
inline array spread(Shape shape, double low, double high, int seed = 0, Dtype dtype = float64) {
  size_t count = 1;
  for (ShapeElem n : shape) {
    count *= static_cast<size_t>(n);
  }
  std::vector<double> numbers(count);
  for (size_t i = 0; i < count; ++i) {
    // The golden ratio's multiples are spread evenly, without ties.
    const double t = std::fmod(0.6180339887498949 * static_cast<double>(i + 1) + 0.37 * seed, 1.0);
    numbers[i] = low + (high - low) * t;
  }
  return array(numbers.data(), std::move(shape), dtype);
}

}  // namespace mlx::core
