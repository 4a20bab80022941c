#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core {

struct ArangeAttrs {
  double start;
  double step;
  ShapeElem count;
  Dtype dtype;
  bool operator==(const ArangeAttrs&) const = default;
};

extern const Op kArange;

}  // namespace mlx::core
