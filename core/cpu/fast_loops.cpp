// The inner loops of norms, rotary embedding and attention. Compiled once per
// instruction set, with MLX_FAST_LOOPS as the name of its table; see
// tile_math.h about linkage.

#include "mlx/core/cpu/fast_loops.h"

#include "mlx/core/cpu/tile_math.h"

namespace mlx::core::cpu {
namespace {

// Sums in many lanes: no rounding chain is long, and the lanes are whole vectors.
constexpr int64_t kLanes = 32;

template <typename T, typename F>
MLX_INLINE T sum_of(int64_t count, F element) {
  T lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t k = 0; k < kLanes; ++k) lanes[k] += element(i + k);
  }
  for (int64_t k = 0; i + k < count; ++k) lanes[k] += element(i + k);
  for (int64_t width = kLanes / 2; width > 0; width /= 2) {
    for (int64_t k = 0; k < width; ++k) lanes[k] += lanes[k + width];
  }
  return lanes[0];
}

// ---- norms

template <typename T>
struct Statistics {
  T mean;
  T scale;  // one over the standard deviation
};

template <typename T>
MLX_INLINE Statistics<T> statistics(const T* x, const NormRow<T>& row) {
  const T n = static_cast<T>(row.count);
  const T mean = row.centered ? sum_of<T>(row.count, [x](int64_t i) { return x[i]; }) / n : T(0);
  const T squares = sum_of<T>(row.count, [x, mean](int64_t i) {
    const T d = x[i] - mean;
    return d * d;
  });
  const double power = static_cast<double>(squares / n) + static_cast<double>(row.eps);
  return {mean, static_cast<T>(1 / __builtin_sqrt(power))};
}

// One rounding, on every machine: those without the instruction call a function.
MLX_INLINE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
MLX_INLINE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }

template <typename T>
void norm(T* out, const T* in, const NormRow<T>& row) {
  const auto [mean, scale] = statistics(in, row);
  const T* weight = row.weight;
  const T* bias = row.bias;
  const int64_t n = row.count;
  if (weight != nullptr && bias != nullptr) {
    MLX_VECTORIZE
    for (int64_t i = 0; i < n; ++i) out[i] = fma((in[i] - mean) * scale, weight[i], bias[i]);
  } else if (weight != nullptr) {
    MLX_VECTORIZE
    for (int64_t i = 0; i < n; ++i) out[i] = (in[i] - mean) * scale * weight[i];
  } else if (bias != nullptr) {
    MLX_VECTORIZE
    for (int64_t i = 0; i < n; ++i) out[i] = fma(in[i] - mean, scale, bias[i]);
  } else {
    MLX_VECTORIZE
    for (int64_t i = 0; i < n; ++i) out[i] = (in[i] - mean) * scale;
  }
}

template <typename T>
void norm_grad(T* dx, const T* x, const T* g, T* dweight, T* dbias, const NormRow<T>& row) {
  const Statistics<T> found = statistics(x, row);
  const T mean = found.mean, scale = found.scale;
  const int64_t n = row.count;
  // Of the cotangent of the normalized row.
  const T* wg = g;
  if (row.weight != nullptr) {
    const T* weight = row.weight;
    MLX_VECTORIZE
    for (int64_t i = 0; i < n; ++i) dx[i] = g[i] * weight[i];
    wg = dx;
  }
  const T along =
      sum_of<T>(n, [=](int64_t i) { return wg[i] * ((x[i] - mean) * scale); }) / static_cast<T>(n);
  const T level =
      row.centered ? sum_of<T>(n, [=](int64_t i) { return wg[i]; }) / static_cast<T>(n) : T(0);
  if (dweight != nullptr) {
    MLX_VECTORIZE
    for (int64_t i = 0; i < n; ++i) dweight[i] += g[i] * ((x[i] - mean) * scale);
  }
  if (dbias != nullptr) {
    MLX_VECTORIZE
    for (int64_t i = 0; i < n; ++i) dbias[i] += g[i];
  }
  MLX_VECTORIZE
  for (int64_t i = 0; i < n; ++i) {
    dx[i] = (wg[i] - level - (x[i] - mean) * scale * along) * scale;
  }
}

// ---- rotary embedding

template <typename T>
void rotate(T* out, const T* in, const T* cosine, const T* sine, int64_t pairs) {
  MLX_VECTORIZE
  for (int64_t i = 0; i < pairs; ++i) {
    const T a = in[i], b = in[i + pairs];
    out[i] = a * cosine[i] - b * sine[i];
    out[i + pairs] = a * sine[i] + b * cosine[i];
  }
}

template <typename T>
void rotate_neighbours(T* out, const T* in, const T* cosine, const T* sine, int64_t pairs) {
  MLX_VECTORIZE
  for (int64_t i = 0; i < pairs; ++i) {
    const T a = in[2 * i], b = in[2 * i + 1];
    out[2 * i] = a * cosine[i] - b * sine[i];
    out[2 * i + 1] = a * sine[i] + b * cosine[i];
  }
}

// ---- attention

template <typename T>
MLX_INLINE T maximum_of(const T* in, int64_t count, T start) {
  T lanes[kLanes];
  for (T& lane : lanes) lane = start;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t k = 0; k < kLanes; ++k) lanes[k] = in[i + k] > lanes[k] ? in[i + k] : lanes[k];
  }
  for (; i < count; ++i) lanes[0] = in[i] > lanes[0] ? in[i] : lanes[0];
  T top = start;
  for (T lane : lanes) top = lane > top ? lane : top;
  return top;
}

// Nothing but -infinity so far: then any finite number does, and the exponentials are 0.
template <typename T>
MLX_INLINE T base_of(T maximum) {
  return maximum == -static_cast<T>(__builtin_inf()) ? T(0) : maximum;
}

// scores = exp(scores - base), 0 where that would be subnormal. libmvec's vectors
// give way to a call for each such element, so these are kept from it; in a loop of
// its own, or the compiler sees that their exponentials are not needed and drops the bound.
template <typename T>
MLX_INLINE void weigh(T* scores, int64_t count, T base) {
  const T low = sizeof(T) == 4 ? T(-87) : T(-708);
  MLX_VECTORIZE
  for (int64_t i = 0; i < count; ++i) {
    const T x = scores[i] - base;
    scores[i] = x < low ? low : x;
  }
  MLX_VECTORIZE
  for (int64_t i = 0; i < count; ++i) {
    const T y = exp(scores[i]);
    scores[i] = scores[i] <= low ? T(0) : y;
  }
}

template <typename T>
T exponentials(T* scores, int64_t count, T* maximum, T* sum) {
  const T top = maximum_of(scores, count, *maximum), base = base_of(top);
  const T change = exp(*maximum - base);
  weigh(scores, count, base);
  *sum = *sum * change + sum_of<T>(count, [scores](int64_t i) { return scores[i]; });
  *maximum = top;
  return change;
}

template <typename T>
void probabilities(T* scores, int64_t count, T maximum, T scale) {
  weigh(scores, count, base_of(maximum));
  MLX_VECTORIZE
  for (int64_t i = 0; i < count; ++i) scores[i] *= scale;
}

template <typename T>
void softmax_grad(T* grad, const T* probability, T mean, int64_t count) {
  MLX_VECTORIZE
  for (int64_t i = 0; i < count; ++i) grad[i] = probability[i] * (grad[i] - mean);
}

template <typename T>
void scale(T* out, const T* in, T factor, int64_t count) {
  MLX_VECTORIZE
  for (int64_t i = 0; i < count; ++i) out[i] = in[i] * factor;
}

template <typename T>
T dot(const T* a, const T* b, int64_t count) {
  return sum_of<T>(count, [a, b](int64_t i) { return a[i] * b[i]; });
}

template <typename T>
constexpr FastLoops<T> table() {
  return {.norm = norm<T>,
          .norm_grad = norm_grad<T>,
          .rotate = rotate<T>,
          .rotate_neighbours = rotate_neighbours<T>,
          .exponentials = exponentials<T>,
          .probabilities = probabilities<T>,
          .softmax_grad = softmax_grad<T>,
          .scale = scale<T>,
          .dot = dot<T>};
}

}  // namespace

constinit const AllFastLoops MLX_FAST_LOOPS = {table<float>(), table<double>()};

}  // namespace mlx::core::cpu
