#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

void attention(const KernelArgs& args);
void attention_grad(const KernelArgs& args);

}  // namespace mlx::core::cpu
