#include "mlx/distributed/reduce.h"

#include <algorithm>
#include <array>
#include <type_traits>

namespace mlx::core::distributed {
namespace {

template <typename T>
constexpr bool kHalf = std::is_same_v<T, float16_t> || std::is_same_v<T, bfloat16_t>;

// What a value is computed in. Signed integers wrap, so they are computed unsigned.
template <typename T>
struct WideOf {
  using type = std::conditional_t<kHalf<T>, float, T>;
};
template <typename T>
using Wide = typename WideOf<T>::type;

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

template <Reduction op, typename Acc, typename In>
void fold(void* acc, const void* in, size_t count) {
  auto* a = static_cast<Acc*>(acc);
  auto* b = static_cast<const In*>(in);
  for (size_t i = 0; i < count; ++i) {
    a[i] = static_cast<Acc>(
        combine<op, Wide<Acc>>(static_cast<Wide<Acc>>(a[i]), static_cast<Wide<Acc>>(b[i])));
  }
}

template <typename To, typename From>
void convert(void* to, const void* from, size_t count) {
  if constexpr (std::is_same_v<To, From>) {
    std::copy_n(static_cast<const From*>(from), count, static_cast<To*>(to));
  } else {
    auto* a = static_cast<To*>(to);
    auto* b = static_cast<const From*>(from);
    for (size_t i = 0; i < count; ++i) a[i] = To(float(b[i]));
  }
}

template <Reduction op, typename T>
constexpr Reducer make_reducer() {
  using W = Wide<T>;
  return {fold<op, T, T>, fold<op, W, T>, fold<op, W, W>, convert<W, T>,
          convert<T, W>,  sizeof(T),      sizeof(W)};
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
