// The Hadamard transform of one row. Compiled once per instruction set, with
// MLX_HADAMARD_LOOPS as the name of its table; see tile_math.h about linkage.

#include "mlx/core/cpu/hadamard_loops.h"

namespace mlx::core::cpu {
namespace {

#if defined(__AVX512F__)
constexpr int64_t kVectorBytes = 64;
#elif defined(__AVX__)
constexpr int64_t kVectorBytes = 32;
#else
constexpr int64_t kVectorBytes = 16;
#endif

template <typename T>
struct VectorOf;
template <>
struct VectorOf<float> {
  using Type = float __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
  using Index = int32_t __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VectorOf<double> {
  using Type = double __attribute__((vector_size(kVectorBytes), aligned(8), may_alias));
  using Index = int64_t __attribute__((vector_size(kVectorBytes)));
};

template <typename T>
using Vector = typename VectorOf<T>::Type;
template <typename T>
constexpr int64_t kLanes = kVectorBytes / static_cast<int64_t>(sizeof(T));

template <typename T>
Vector<T>& at(T* x) {
  return *reinterpret_cast<Vector<T>*>(x);
}

// Each lane plus the one at distance `step`, or minus it in the upper lane.
template <typename T>
void lane_step(Vector<T>& v, int step) {
  typename VectorOf<T>::Index other;
  Vector<T> sign;
  for (int lane = 0; lane < kLanes<T>; ++lane) {
    other[lane] = lane ^ step;
    sign[lane] = (lane & step) != 0 ? T{-1} : T{1};
  }
  v = __builtin_shuffle(v, other) + v * sign;
}

// The transform of one vector.
template <typename T>
void transform_lanes(Vector<T>& v, T scale) {
  lane_step<T>(v, 1);
  if constexpr (kLanes < T >> 2) lane_step<T>(v, 2);
  if constexpr (kLanes < T >> 4) lane_step<T>(v, 4);
  if constexpr (kLanes < T >> 8) lane_step<T>(v, 8);
  v *= scale;
}

// The transform across four vectors.
template <typename V>
void butterfly(V& a, V& b, V& c, V& d) {
  const V sum_low = a + b, difference_low = a - b;
  const V sum_high = c + d, difference_high = c - d;
  a = sum_low + sum_high;
  b = difference_low + difference_high;
  c = sum_low - sum_high;
  d = difference_low - difference_high;
}

// Fewer elements than a vector has.
template <typename T>
void transform_few(T* x, int64_t count, T scale) {
  for (int64_t step = count / 2; step > 0; step /= 2) {
    for (int64_t i = 0; i < count; ++i) {
      if ((i & step) != 0) continue;
      const T sum = x[i] + x[i + step];
      x[i + step] = x[i] - x[i + step];
      x[i] = sum;
    }
  }
  for (int64_t i = 0; i < count; ++i) x[i] *= scale;
}

// Depth first, so that a part is in the cache for all that follows.
template <typename T>
void transform(T* x, int64_t count, T scale) {
  constexpr int64_t lanes = kLanes<T>;
  const int64_t quarter = count / 4;
  if (count < lanes) {
    transform_few(x, count, scale);
  } else if (count == lanes) {
    transform_lanes<T>(at(x), scale);
  } else if (count == 2 * lanes) {
    const Vector<T> low = at(x);
    at(x) = low + at(x + lanes);
    at(x + lanes) = low - at(x + lanes);
    transform_lanes<T>(at(x), scale);
    transform_lanes<T>(at(x + lanes), scale);
  } else if (count == 4 * lanes) {
    Vector<T> a = at(x), b = at(x + lanes), c = at(x + 2 * lanes), d = at(x + 3 * lanes);
    butterfly(a, b, c, d);
    transform_lanes<T>(a, scale);
    transform_lanes<T>(b, scale);
    transform_lanes<T>(c, scale);
    transform_lanes<T>(d, scale);
    at(x) = a;
    at(x + lanes) = b;
    at(x + 2 * lanes) = c;
    at(x + 3 * lanes) = d;
  } else {
    for (int64_t i = 0; i < quarter; i += lanes) {
      T* p = x + i;
      butterfly(at(p), at(p + quarter), at(p + 2 * quarter), at(p + 3 * quarter));
    }
    for (int64_t i = 0; i < count; i += quarter) transform(x + i, quarter, scale);
  }
}

// x = matrix x, where the elements of x are rows of `length`.
template <typename T>
void multiply(const HadamardRow<T>& row) {
  constexpr int64_t lanes = kLanes<T>;
  for (int64_t i = 0; i < row.order * row.length; ++i) row.spare[i] = row.x[i];
  for (int64_t r = 0; r < row.order; ++r) {
    const T* factors = row.matrix + r * row.order;
    T* to = row.x + r * row.length;
    for (int64_t j = 0; j < row.length; j += lanes) {
      Vector<T> sum = {};
      for (int64_t c = 0; c < row.order; ++c)
        sum += factors[c] * at(row.spare + c * row.length + j);
      at(to + j) = sum;
    }
  }
}

template <typename T>
void transform_row(const HadamardRow<T>& row) {
  if (row.order > 1) multiply(row);
  for (int64_t i = 0; i < row.order; ++i) transform(row.x + i * row.length, row.length, row.scale);
}

}  // namespace

constinit const HadamardLoops MLX_HADAMARD_LOOPS = {transform_row<float>, transform_row<double>};

}  // namespace mlx::core::cpu
