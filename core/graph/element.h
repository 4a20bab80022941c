#pragma once

// Single elements of any dtype, for constructors, item() and printing. Kernels
// do not use this.

#include <cstddef>

#include "mlx/core/dtype.h"

namespace mlx::core {

/// Converts elements one by one with C's rules; a float out of the integer's
/// range gives the smallest value of a signed type.
void convert_elements(const void* src, Dtype from, void* dst, Dtype to, size_t count);

}  // namespace mlx::core
