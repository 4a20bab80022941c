#pragma once

// The ops behind matmul.h.

#include "mlx/core/graph/op.h"

namespace mlx::core {

/// alpha a b + beta c
struct AddmmAttrs {
  float alpha;
  float beta;
  bool operator==(const AddmmAttrs&) const = default;
};

/// Inputs a, b of one dtype, at least two axes each.
extern const Op kMatmul;
/// Inputs c, a, b of one dtype; c broadcasts to the product.
extern const Op kAddmm;

}  // namespace mlx::core
