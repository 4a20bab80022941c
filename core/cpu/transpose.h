#pragma once

// Copies of arrays whose adjacent elements are not along their last axis.

#include "mlx/core/cpu/tile_view.h"

namespace mlx::core::cpu {

/// Whether row-major order jumps through the memory of a large view while
/// another axis walks along it: then element by element every access would
/// fetch a cache line of its own.
bool is_transposed(const TileView& view);

/// Writes a transposed view to row-major memory, block by block, so that each
/// cache line is fetched once. Threaded.
void transpose_to(const TileView& view, std::byte* dst);

}  // namespace mlx::core::cpu
