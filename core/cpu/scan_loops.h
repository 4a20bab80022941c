#pragma once

// Cumulative sums and products of float columns, which go through double,
// compiled once per instruction set.

#include <cstdint>

namespace mlx::core::cpu {

/// One row of `count` columns: takes `in` into the accumulators and writes them
/// to `out`, as they are afterwards if `inclusive`, otherwise as they were.
using ScanRow = void (*)(double* acc, const float* in, float* out, int64_t count, bool inclusive);

struct ScanLoops {
  ScanRow sum;
  ScanRow prod;
};

extern const ScanLoops kScanLoopsBase;
#if defined(__x86_64__)
extern const ScanLoops kScanLoopsAvx2;
extern const ScanLoops kScanLoopsAvx512;
#endif

}  // namespace mlx::core::cpu
