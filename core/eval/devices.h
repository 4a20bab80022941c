#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core {

/// The kernel that runs `op` on `device`.
/// Errors: std::runtime_error if there is none.
Kernel kernel_for(const Op& op, const Device& device);

}  // namespace mlx::core
