#pragma once

// The inner loops of reductions, compiled once per instruction set.
//
// An accumulator is wider than what it adds up: floats accumulate in double,
// so that a sum of ten million float32 values is right to the last digits in
// whatever order it is taken; integers wrap in 64 bits.

#include <cstddef>
#include <cstdint>

#include "mlx/core/graph/tile_program.h"
#include "mlx/core/ops/reduce_ops.h"

namespace mlx::core::cpu {

struct ReduceLoop {
  size_t accumulator_bytes;
  /// `count` accumulators of nothing.
  void (*init)(void* acc, int64_t count);
  /// Adds row i to accumulator i, for `rows` rows of `count` values.
  void (*row)(void* acc, const void* in, int64_t rows, int64_t count);
  /// Adds value i of each of `rows` rows of `count` values to accumulator i.
  void (*column)(void* acc, const void* in, int64_t rows, int64_t count);
  /// Adds accumulator i of `from` to accumulator i.
  void (*merge)(void* acc, const void* from, int64_t count);
  /// The results, in the compute type of the result's dtype.
  void (*finish)(void* out, const void* acc, int64_t count);
};

struct ReduceLoops {
  ReduceLoop loop[kReduceKinds][kComputeTypes];
  /// Sums of bfloat16 as it is stored; accumulates and finishes as float32 does.
  ReduceLoop sum_bfloat16;
  /// Of float32: sums of squared deviations from the mean, which are double.
  ReduceLoop deviations;
};

extern const ReduceLoops kReduceLoopsBase;
#if defined(__x86_64__)
extern const ReduceLoops kReduceLoopsAvx2;
extern const ReduceLoops kReduceLoopsAvx512;
#endif

}  // namespace mlx::core::cpu
