#include "mlx/distributed/reduce.h"

#include <algorithm>
#include <array>

#include "mlx/core/cpu/combine.h"
#include "mlx/distributed/half_loops.h"

namespace mlx::core::distributed {
namespace {

using core::cpu::find_combine;

constexpr ScatterMode mode_of(Reduction op) {
  switch (op) {
    case Reduction::prod:
      return ScatterMode::prod;
    case Reduction::min:
      return ScatterMode::min;
    case Reduction::max:
      return ScatterMode::max;
    default:
      return ScatterMode::add;
  }
}

template <Reduction op>
void fold_wide(float* acc, const float* in, size_t count) {
  static const Reducer::Fold fold = find_combine(mode_of(op), float32);
  fold(acc, in, count);
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
    fold_wide<op>(a + i, wide, n);
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
Reducer half_reducer() {
  return {.fold = fold_halves<op, T>,
          .fold_wide = fold_halves_wide<op, T>,
          .fold_both = find_combine(mode_of(op), float32),
          .widen = widen_block<T>,
          .narrow = narrow_block<T>,
          .width = sizeof(T),
          .wide_width = sizeof(float)};
}

template <Reduction op>
Reducer make_reducer(Dtype dtype) {
  if (dtype == float16) return half_reducer<op, float16_t>();
  if (dtype == bfloat16) return half_reducer<op, bfloat16_t>();
  const auto fold = find_combine(mode_of(op), dtype);
  const auto copy = find_combine(ScatterMode::assign, dtype);
  return {fold, fold, fold, copy, copy, dtype.size(), dtype.size()};
}

using Table = std::array<std::array<Reducer, 4>, kDtypes>;

Table make_table() {
  Table table;
  for (size_t i = 0; i < kDtypes; ++i) {
    const Dtype dtype = dtype_of(static_cast<Dtype::Val>(i));
    table[i] = {make_reducer<Reduction::sum>(dtype), make_reducer<Reduction::prod>(dtype),
                make_reducer<Reduction::min>(dtype), make_reducer<Reduction::max>(dtype)};
  }
  return table;
}

}  // namespace

const Reducer& reduce_into(Dtype dtype, Reduction reduction) {
  static const Table table = make_table();
  return table[static_cast<size_t>(dtype.val())][static_cast<size_t>(reduction) - 1];
}

}  // namespace mlx::core::distributed
