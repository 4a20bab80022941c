#pragma once

#include <cstddef>

#include "mlx/core/dtype.h"
#include "mlx/core/ops/indexing_ops.h"

namespace mlx::core::cpu {

/// dst[i] = dst[i] combined with src[i], for `count` adjacent elements.
using Combine = void (*)(void* dst, const void* src, size_t count);

/// The loop of a mode for a dtype. Integers wrap, NaN wins max and min,
/// complex numbers compare by real part, then imaginary; bool adds by or and
/// multiplies by and. float16 and bfloat16 have only assign: a sum in 16 bits
/// would lose its small terms. The collectives combine by the same loops.
Combine find_combine(ScatterMode mode, Dtype dtype);

}  // namespace mlx::core::cpu
