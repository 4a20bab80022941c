#pragma once

#include "mlx/core/eval/tape.h"
#include "mlx/core/graph/tile_program.h"

namespace mlx::core {

/// Writes the tile program of a group. `inputs` gets the arrays that it loads,
/// `outputs` those that it stores: the root (unless it is a reduction, which
/// reads the program's one result) and the extra outputs.
void write_program(const Tape& tape, const FusedGroup& group, TileProgram& program,
                   std::vector<array>& inputs, std::vector<array>& outputs);

}  // namespace mlx::core
