#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

// An index outside its axis throws std::out_of_range.

void take(const KernelArgs& args);
void gather(const KernelArgs& args);
void take_along(const KernelArgs& args);

/// Updates of one place apply in their order.
void scatter(const KernelArgs& args);
void scatter_along(const KernelArgs& args);

}  // namespace mlx::core::cpu
