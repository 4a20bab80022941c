#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

void arange(const KernelArgs& args);

}  // namespace mlx::core::cpu
