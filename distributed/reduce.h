#pragma once

// Arithmetic of the collectives: one table over dtypes and reductions.

#include <cstddef>
#include <cstdint>

#include "mlx/core/dtype.h"

namespace mlx::core::distributed {

enum class Reduction : uint8_t { none, sum, prod, min, max };

/// How values of one dtype are combined. float16 and bfloat16 accumulate in
/// float32 (their wide type) and are rounded once at the end; all others
/// accumulate in their own type, integers modulo 2^bits. Of bool, sum and max
/// are "or", prod and min are "and". NaN wins in min and max; complex numbers
/// are ordered by real, then imaginary part.
struct Reducer {
  using Fold = void (*)(void* acc, const void* in, size_t count);

  Fold fold;          ///< acc op= in, both of the dtype (half types: computed in float32)
  Fold fold_wide;     ///< acc op= in, acc of the wide type
  Fold fold_both;     ///< acc op= in, both of the wide type
  Fold widen;         ///< wide from dtype
  Fold narrow;        ///< dtype from wide
  size_t width;       ///< bytes of a value
  size_t wide_width;  ///< bytes of a value of the wide type

  bool widens() const { return wide_width != width; }
};

/// Never null for Reduction other than none: each has a meaning for each dtype.
const Reducer& reduce_into(Dtype dtype, Reduction reduction);

}  // namespace mlx::core::distributed
