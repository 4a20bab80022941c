#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

/// Cumulative sum, product, maximum, minimum and logaddexp along an axis.
void scan(const KernelArgs& args);

/// See ops/reduce_ops.h.
void decaying_sum(const KernelArgs& args);

}  // namespace mlx::core::cpu
