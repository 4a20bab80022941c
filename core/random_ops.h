#pragma once

// The op behind random.h.

#include "mlx/core/graph/op.h"

namespace mlx::core {

/// `width` bytes of random bits for each element; the input is the key.
struct RandomBitsAttrs {
  Shape shape;
  int width;
  bool operator==(const RandomBitsAttrs&) const = default;
};

extern const Op kRandomBits;

}  // namespace mlx::core
