#include "mlx/distributed/reduce.h"

#include <algorithm>
#include <array>
#include <type_traits>

#include "mlx/distributed/half_loops.h"

namespace mlx::core::distributed {
namespace {

template <typename T>
constexpr bool kHalf = std::is_same_v<T, float16_t> || std::is_same_v<T, bfloat16_t>;

template <typename T>
bool less(T a, T b) {
  if constexpr (std::is_same_v<T, complex64_t>) {
    return a.real() < b.real() || (a.real() == b.real() && a.imag() < b.imag());
  } else {
    return a < b;
  }
}

template <typename T>
bool is_nan(T a) {
  if constexpr (std::is_same_v<T, complex64_t>) {
    return a.real() != a.real() || a.imag() != a.imag();
  } else {
    return a != a;
  }
}

template <Reduction op, typename T>
T combine(T a, T b) {
  constexpr bool additive = op == Reduction::sum || op == Reduction::prod;
  if constexpr (std::is_same_v<T, bool>) {
    return op == Reduction::sum || op == Reduction::max ? a | b : a & b;
  } else if constexpr (additive && std::is_integral_v<T>) {
    // 64 bits hold the product of two 32-bit values; what is cut off is what wraps.
    const auto x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
    return static_cast<T>(op == Reduction::sum ? x + y : x * y);
  } else if constexpr (op == Reduction::sum) {
    return a + b;
  } else if constexpr (op == Reduction::prod) {
    return a * b;
  } else if constexpr (op == Reduction::min) {
    return less(a, b) || is_nan(a) ? a : b;
  } else {
    return less(b, a) || is_nan(a) ? a : b;
  }
}

template <Reduction op, typename T>
void fold(void* acc, const void* in, size_t count) {
  auto* a = static_cast<T*>(acc);
  auto* b = static_cast<const T*>(in);
  for (size_t i = 0; i < count; ++i) a[i] = static_cast<T>(combine<op, T>(a[i], b[i]));
}

template <typename T>
void copy(void* to, const void* from, size_t count) {
  std::copy_n(static_cast<const T*>(from), count, static_cast<T*>(to));
}

// The half types are widened a block at a time, which stays in the cache.
constexpr size_t kBlock = 512;

template <typename T>
void widen_block(void* to, const void* from, size_t count) {
  widen(static_cast<float*>(to), static_cast<const T*>(from), count);
}

template <typename T>
void narrow_block(void* to, const void* from, size_t count) {
  narrow(static_cast<T*>(to), static_cast<const float*>(from), count);
}

template <Reduction op, typename T>
void fold_halves_wide(void* acc, const void* in, size_t count) {
  auto* a = static_cast<float*>(acc);
  auto* b = static_cast<const T*>(in);
  float wide[kBlock];
  for (size_t i = 0; i < count; i += kBlock) {
    const size_t n = std::min(kBlock, count - i);
    widen(wide, b + i, n);
    fold<op, float>(a + i, wide, n);
  }
}

template <Reduction op, typename T>
void fold_halves(void* acc, const void* in, size_t count) {
  auto* a = static_cast<T*>(acc);
  auto* b = static_cast<const T*>(in);
  float wide[kBlock];
  for (size_t i = 0; i < count; i += kBlock) {
    const size_t n = std::min(kBlock, count - i);
    widen(wide, a + i, n);
    fold_halves_wide<op, T>(wide, b + i, n);
    narrow(a + i, wide, n);
  }
}

template <Reduction op, typename T>
constexpr Reducer make_reducer() {
  if constexpr (kHalf<T>) {
    return {.fold = fold_halves<op, T>,
            .fold_wide = fold_halves_wide<op, T>,
            .fold_both = fold<op, float>,
            .widen = widen_block<T>,
            .narrow = narrow_block<T>,
            .width = sizeof(T),
            .wide_width = sizeof(float)};
  } else {
    return {.fold = fold<op, T>,
            .fold_wide = fold<op, T>,
            .fold_both = fold<op, T>,
            .widen = copy<T>,
            .narrow = copy<T>,
            .width = sizeof(T),
            .wide_width = sizeof(T)};
  }
}

using Row = std::array<Reducer, 4>;

template <typename T>
constexpr Row row() {
  return {make_reducer<Reduction::sum, T>(), make_reducer<Reduction::prod, T>(),
          make_reducer<Reduction::min, T>(), make_reducer<Reduction::max, T>()};
}

// In the order of Dtype::Val.
constexpr Row kTable[kDtypes] = {
    row<bool>(),   row<uint8_t>(), row<uint16_t>(),   row<uint32_t>(),   row<uint64_t>(),
    row<int8_t>(), row<int16_t>(), row<int32_t>(),    row<int64_t>(),    row<float16_t>(),
    row<float>(),  row<double>(),  row<bfloat16_t>(), row<complex64_t>()};

}  // namespace

const Reducer& reduce_into(Dtype dtype, Reduction reduction) {
  return kTable[static_cast<size_t>(dtype.val())][static_cast<size_t>(reduction) - 1];
}

}  // namespace mlx::core::distributed
