#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

void rope(const KernelArgs& args);

}  // namespace mlx::core::cpu
