#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

/// Random bits from a key and a counter.
void random_bits(const KernelArgs& args);

}  // namespace mlx::core::cpu
