#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

void norm(const KernelArgs& args);
void norm_grad(const KernelArgs& args);

}  // namespace mlx::core::cpu
