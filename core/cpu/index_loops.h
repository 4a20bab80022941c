#pragma once

// The loop over an index array, compiled once per instruction set.

#include <cstdint>

namespace mlx::core::cpu {

/// Writes `count` indices as positions in an axis of `size` elements, where
/// negative ones count from the end. Whether all lie in 0 .. last.
using ConvertIndices = bool (*)(const void* from, int64_t count, int64_t size, int64_t last,
                                int64_t* out);

struct IndexLoops {
  /// For 1, 2, 4 and 8 bytes; signed and unsigned.
  ConvertIndices from_signed[4];
  ConvertIndices from_unsigned[4];
};

extern const IndexLoops kIndexLoopsBase;
#if defined(__x86_64__)
extern const IndexLoops kIndexLoopsAvx2;
extern const IndexLoops kIndexLoopsAvx512;
#endif

}  // namespace mlx::core::cpu
