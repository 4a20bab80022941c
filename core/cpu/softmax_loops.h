#pragma once

// The inner loop of softmax, compiled once per instruction set.

#include <cstdint>

namespace mlx::core::cpu {

struct SoftmaxLoops {
  /// out = exp(in - max) / sum, for one row. In place is allowed.
  void (*row_f32)(float* out, const float* in, int64_t count);
  void (*row_f64)(double* out, const double* in, int64_t count);
};

extern const SoftmaxLoops kSoftmaxLoopsBase;
#if defined(__x86_64__)
extern const SoftmaxLoops kSoftmaxLoopsAvx2;
extern const SoftmaxLoops kSoftmaxLoopsAvx512;
#endif

}  // namespace mlx::core::cpu
