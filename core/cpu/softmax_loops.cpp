// The inner loop of softmax. Compiled once per instruction set, with
// MLX_SOFTMAX_LOOPS as the name of its table; see tile_math.h about linkage.

#include "mlx/core/cpu/softmax_loops.h"

#include "mlx/core/cpu/tile_math.h"

namespace mlx::core::cpu {
namespace {

constexpr int64_t kLanes = 16;

// A NaN in the row comes out in the sum; the maximum may ignore it.
template <typename T>
T row_max(const T* in, int64_t count) {
  T lanes[kLanes];
  for (T& lane : lanes) {
    lane = in[0];
  }
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t k = 0; k < kLanes; ++k) {
      lanes[k] = in[i + k] > lanes[k] ? in[i + k] : lanes[k];
    }
  }
  T top = lanes[0];
  for (T lane : lanes) {
    top = lane > top ? lane : top;
  }
  for (; i < count; ++i) {
    top = in[i] > top ? in[i] : top;
  }
  return top;
}

template <typename T>
T row_sum(const T* in, int64_t count) {
  double lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t k = 0; k < kLanes; ++k) {
      lanes[k] += static_cast<double>(in[i + k]);
    }
  }
  double total = 0;
  for (; i < count; ++i) {
    total += static_cast<double>(in[i]);
  }
  for (double lane : lanes) {
    total += lane;
  }
  return static_cast<T>(total);
}

template <typename T>
void row(T* out, const T* in, int64_t count) {
  const T top = row_max(in, count);
  for (int64_t i = 0; i < count; ++i) {
    out[i] = exp(in[i] - top);
  }
  const T scale = 1 / row_sum(out, count);
  for (int64_t i = 0; i < count; ++i) {
    out[i] = out[i] * scale;
  }
}

}  // namespace

constinit const SoftmaxLoops MLX_SOFTMAX_LOOPS = {row<float>, row<double>};

}  // namespace mlx::core::cpu
