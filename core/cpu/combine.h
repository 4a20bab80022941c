#pragma once

#include <cstddef>
#include <cstdint>

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

/// dst[at[i] * step + i * along] = itself combined with src[i], one after the other.
using CombineAt = void (*)(void* dst, const int64_t* at, int64_t step, int64_t along,
                           const void* src, int64_t count);

CombineAt find_combine_at(ScatterMode mode, Dtype dtype);

}  // namespace mlx::core::cpu
