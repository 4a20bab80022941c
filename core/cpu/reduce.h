#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

/// Sum, prod, max, min, all, any over any axes, of an array or of a tile
/// program's result. The result does not depend on the number of threads.
void reduce(const KernelArgs& args);

/// The variance over any axes of float32 values.
void variance(const KernelArgs& args);

/// Index of the first greatest or smallest element along an axis.
void arg_reduce(const KernelArgs& args);

}  // namespace mlx::core::cpu
