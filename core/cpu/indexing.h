#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

// Negative indices count from the end, once. Errors: std::out_of_range for an
// index outside the axis.
void gather(const KernelArgs& args);
void scatter(const KernelArgs& args);
void gather_axis(const KernelArgs& args);
void scatter_axis(const KernelArgs& args);

}  // namespace mlx::core::cpu
