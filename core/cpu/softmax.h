#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

/// Over the last axis; half types and integers in float32.
void softmax(const KernelArgs& args);

}  // namespace mlx::core::cpu
