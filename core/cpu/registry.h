#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

/// The CPU's kernel for an op, or null. Element-wise ops share one kernel,
/// which runs the tile program.
Kernel find_kernel(const Op& op);

}  // namespace mlx::core::cpu
