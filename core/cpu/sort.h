#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

/// Sorts or partitions along an axis: stable, NaN last. Gives values or indices.
void sort(const KernelArgs& args);

/// Where values belong in a sorted sequence.
void search_sorted(const KernelArgs& args);

}  // namespace mlx::core::cpu
