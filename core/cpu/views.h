#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

// Views that share memory where strides allow it and copy otherwise.
void reshape(const KernelArgs& args);
void as_strided(const KernelArgs& args);
void contiguous(const KernelArgs& args);
void view(const KernelArgs& args);

}  // namespace mlx::core::cpu
