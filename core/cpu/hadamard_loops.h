#pragma once

// The inner loop of the Hadamard transform, compiled once per instruction set.

#include <cstdint>

namespace mlx::core::cpu {

/// With an order beyond 1, the shortest length that the loops take.
inline constexpr int64_t kMinHadamardLength = 16;

/// A row of order * length elements.
template <typename T>
struct HadamardRow {
  T* x;
  int64_t length;   ///< a power of two
  int64_t order;    ///< of `matrix`, which is not read if this is 1
  const T* matrix;  ///< [order][order]
  T scale;
  T* spare;  ///< room for a row
};

struct HadamardLoops {
  /// x = scale (matrix (x) Sylvester's of `length` rows) x
  void (*row_f32)(const HadamardRow<float>& row);
  void (*row_f64)(const HadamardRow<double>& row);
};

extern const HadamardLoops kHadamardLoopsBase;
#if defined(__x86_64__)
extern const HadamardLoops kHadamardLoopsAvx2;
extern const HadamardLoops kHadamardLoopsAvx512;
#endif

}  // namespace mlx::core::cpu
