#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

void matmul(const KernelArgs& args);
void addmm(const KernelArgs& args);

}  // namespace mlx::core::cpu
