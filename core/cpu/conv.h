#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

void convolution(const KernelArgs& args);
void convolution_weight_grad(const KernelArgs& args);

}  // namespace mlx::core::cpu
