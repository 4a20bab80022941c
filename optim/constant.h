#pragma once

#include "mlx/core/array.h"

namespace mlx::optim {

/// A constant that does not change the dtype of what it is combined with.
inline core::array constant(float value, const core::array& like) {
  return core::array(value, like.dtype());
}

}  // namespace mlx::optim
