#pragma once

// The op behind random.h.

#include "mlx/core/graph/op.h"

namespace mlx::core {

/// `width` bytes of random bits for each element of `shape`; the input is the
/// key, or several in its leading axes, which are then also the result's.
struct RandomBitsAttrs {
  Shape shape;
  int width;
  bool operator==(const RandomBitsAttrs&) const = default;
};

extern const Op kRandomBits;

}  // namespace mlx::core
