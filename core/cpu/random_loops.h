#pragma once

// The loop that makes random bits, compiled once per instruction set.

#include <cstddef>
#include <cstdint>

namespace mlx::core::cpu {

struct RandomLoops {
  /// The hashes of the counters (first + i, first + i + second) for i < count, with
  /// the key k0, k1, to words i of x and y.
  void (*hash)(uint32_t k0, uint32_t k1, int64_t first, int64_t second, int64_t count, std::byte* x,
               std::byte* y);
};

extern const RandomLoops kRandomLoopsBase;
#if defined(__x86_64__)
extern const RandomLoops kRandomLoopsAvx2;
extern const RandomLoops kRandomLoopsAvx512;
#endif

}  // namespace mlx::core::cpu
