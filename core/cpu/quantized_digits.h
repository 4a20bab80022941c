#pragma once

// Few rows of x times a packed matrix by integer instructions (AVX-512 VNNI), one after the other.
//
// In each group, x becomes 24-bit fixed-point numbers relative to its largest element there: three
// digits of 8 bits. Their products with codes of 4 or 8 bits and the sums of those are exact.

#include <cstdint>

#include "mlx/core/cpu/quantized_matrix.h"

namespace mlx::core::cpu {

/// Whether this machine and kind of codes have such a loop.
bool has_digits(CodeKind kind);

/// Words of a block.
inline constexpr int64_t kDigitLanes = 16;

/// Where a row of x has its digits, for blocks of kDigitLanes words. There is room for a multiple
/// of kDigitLanes groups.
struct DigitRow {
  int8_t* digits;  ///< [blocks][3][codes of a block], as the loop wants them
  float* steps;    ///< [groups]: what 1 means in each
  float* sums;     ///< [groups]: of x
};

/// Writes the digits of `count` elements; what is behind them must be zero. False if they have
/// none: infinities, NaN, numbers that are too small for fixed point.
bool write_digits(const DigitRow& to, const float* x, int64_t count, int64_t group, int bits);

/// As CodeLoops::dot, with the digits in place of `dot.x` and `dot.sums`, and these scales and
/// biases.
void dot_digits(const Dot& dot, const DigitRow& x, const QuantizedMatrix::Parameters& parameters,
                int bits);

}  // namespace mlx::core::cpu
