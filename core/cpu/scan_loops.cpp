#include "mlx/core/cpu/scan_loops.h"

namespace mlx::core::cpu {
namespace {

template <bool kProduct>
void row(double* acc, const float* in, float* out, int64_t count, bool inclusive) {
  if (inclusive) {
    for (int64_t k = 0; k < count; ++k) {
      acc[k] = kProduct ? acc[k] * in[k] : acc[k] + in[k];
      out[k] = static_cast<float>(acc[k]);
    }
  } else {
    for (int64_t k = 0; k < count; ++k) {
      const double before = acc[k];
      acc[k] = kProduct ? before * in[k] : before + in[k];
      out[k] = static_cast<float>(before);
    }
  }
}

}  // namespace

const ScanLoops MLX_SCAN_LOOPS{row<false>, row<true>};

}  // namespace mlx::core::cpu
