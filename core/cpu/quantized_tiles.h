#pragma once

// Some rows of x times a packed matrix by tile instructions (AMX).
//
// Codes are small enough to be bfloat16. Numbers of x become sums of up to three of them, as many
// as they need, so that nothing is rounded; a group's products are summed in float32 and then
// scaled.

#include "mlx/core/cpu/quantized_matrix.h"

namespace mlx::core::cpu {

/// Whether this machine has the instructions, and the format fits them.
bool has_tiles(const QuantFormat& format);

/// out[r][n] = x[r] w[n] for the rows [first_row, first_row + outer) of the matrix; x and out are
/// row-contiguous float32. The elements of w may be rounded to bfloat16. False, with nothing done,
/// if x is too small for exact parts.
bool multiply_by_tiles(const QuantizedMatrix& w, int64_t first_row, int64_t outer, const float* x,
                       int64_t rows, float* out, bool rounded);

}  // namespace mlx::core::cpu
