#pragma once

// Between arrays of half types and float32, with the instructions that this
// machine's processor has for it.

#include <cstddef>

#include "mlx/core/dtype.h"

namespace mlx::core::distributed {

void widen(float* to, const float16_t* from, size_t count);
void widen(float* to, const bfloat16_t* from, size_t count);
/// Round to nearest even.
void narrow(float16_t* to, const float* from, size_t count);
void narrow(bfloat16_t* to, const float* from, size_t count);

}  // namespace mlx::core::distributed
