#pragma once

#include "mlx/core/array.h"

namespace mlx::nn {

/// A constant that does not change the dtype of what it is combined with. (The double keeps
/// 1 - 0.999 exact until here.)
inline core::array constant(double value, const core::array& like) {
  return core::array(static_cast<float>(value), like.dtype());
}

}  // namespace mlx::nn
