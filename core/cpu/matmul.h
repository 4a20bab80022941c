#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

void matmul(const KernelArgs& args);
void addmm(const KernelArgs& args);
/// An index outside its batch throws std::out_of_range.
void gather_mm(const KernelArgs& args);
void block_masked_mm(const KernelArgs& args);
/// A segment outside the inner axis throws std::out_of_range.
void segmented_mm(const KernelArgs& args);
void segmented_mm_left(const KernelArgs& args);
void hadamard(const KernelArgs& args);

}  // namespace mlx::core::cpu
