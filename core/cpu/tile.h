#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

/// Runs args.program over args.shape: loads the inputs, gives the outputs data.
void run_tile_program(const KernelArgs& args);

}  // namespace mlx::core::cpu
