#pragma once

#include "mlx/core/array.h"
#include "mlx/core/stream.h"

namespace mlx::core {

/// `a` with an axis, not negative, cut off or filled up with zeros to `size`.
array resized(const array& a, int axis, ShapeElem size, Stream s);

}  // namespace mlx::core
