#pragma once

// Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as
// easy as 1, 2, 3"), in counter mode: a block is the hash of two counters.

#include <cstdint>

namespace mlx::core {

/// x and y enter as counters. A word is a uint32_t or a vector of them.
template <typename Word>
inline void threefry(uint32_t k0, uint32_t k1, Word& x, Word& y) {
  constexpr int kRotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  const uint32_t keys[3] = {k0, k1, k0 ^ k1 ^ 0x1BD11BDA};
  x += keys[0];
  y += keys[1];
#pragma GCC unroll 5
  for (uint32_t group = 0; group < 5; ++group) {
#pragma GCC unroll 4
    for (const int rotation : kRotations[group % 2]) {
      x += y;
      y = ((y << rotation) | (y >> (32 - rotation))) ^ x;
    }
    x += keys[(group + 1) % 3];
    y += keys[(group + 2) % 3] + group + 1;
  }
}

}  // namespace mlx::core
