#include "mlx/core/cpu/combine.h"

#include <cstring>
#include <type_traits>

#include "mlx/core/base/error.h"

namespace mlx::core::cpu {
namespace {

template <typename T>
bool is_less(T a, T b) {
  if constexpr (std::is_same_v<T, complex64_t>) {
    return a.real() < b.real() || (a.real() == b.real() && a.imag() < b.imag());
  } else {
    return a < b;
  }
}

template <typename T>
bool is_nan(T a) {
  return a != a;
}

template <ScatterMode kMode, typename T>
T combined(T a, T b) {
  if constexpr (kMode == ScatterMode::add) {
    return static_cast<T>(a + b);
  } else if constexpr (kMode == ScatterMode::prod && std::is_same_v<T, uint16_t>) {
    return static_cast<T>(uint32_t{a} * b);  // int would overflow
  } else if constexpr (kMode == ScatterMode::prod) {
    return static_cast<T>(a * b);
  } else if constexpr (kMode == ScatterMode::max) {
    return is_nan(a) || is_less(b, a) ? a : b;
  } else {
    return is_nan(a) || is_less(a, b) ? a : b;
  }
}

template <ScatterMode kMode, typename T>
void loop(void* dst, const void* src, size_t count) {
  auto* to = static_cast<T*>(dst);
  const auto* from = static_cast<const T*>(src);
  for (size_t i = 0; i < count; ++i) {
    to[i] = combined<kMode>(to[i], from[i]);
  }
}

template <size_t kBytes>
void assign(void* dst, const void* src, size_t count) {
  if (count > 0) std::memcpy(dst, src, count * kBytes);  // what is empty may be null
}

Combine find_assign(size_t itemsize) {
  return itemsize == 1   ? assign<1>
         : itemsize == 2 ? assign<2>
         : itemsize == 4 ? assign<4>
                         : assign<8>;
}

// Sums and products have the same bits for signed and unsigned integers.
template <ScatterMode kMode>
Combine find_arithmetic(Dtype dtype) {
  switch (dtype.val()) {
    case Dtype::Val::float32:
      return loop<kMode, float>;
    case Dtype::Val::float64:
      return loop<kMode, double>;
    case Dtype::Val::complex64:
      return loop<kMode, complex64_t>;
    default:
      return dtype.size() == 1   ? loop<kMode, uint8_t>
             : dtype.size() == 2 ? loop<kMode, uint16_t>
             : dtype.size() == 4 ? loop<kMode, uint32_t>
                                 : loop<kMode, uint64_t>;
  }
}

template <ScatterMode kMode>
Combine find_ordered(Dtype dtype) {
  switch (dtype.val()) {
    case Dtype::Val::int8:
      return loop<kMode, int8_t>;
    case Dtype::Val::int16:
      return loop<kMode, int16_t>;
    case Dtype::Val::int32:
      return loop<kMode, int32_t>;
    case Dtype::Val::int64:
      return loop<kMode, int64_t>;
    default:
      return find_arithmetic<kMode>(dtype);
  }
}

}  // namespace

Combine find_combine(ScatterMode mode, Dtype dtype) {
  if (mode == ScatterMode::assign) {
    return find_assign(dtype.size());
  }
  require(dtype != float16 && dtype != bfloat16, "[scatter] No arithmetic in ", dtype, ".");
  switch (mode) {
    case ScatterMode::add:
      return dtype == bool_ ? find_ordered<ScatterMode::max>(dtype)
                            : find_arithmetic<ScatterMode::add>(dtype);
    case ScatterMode::prod:
      return dtype == bool_ ? find_ordered<ScatterMode::min>(dtype)
                            : find_arithmetic<ScatterMode::prod>(dtype);
    case ScatterMode::max:
      return find_ordered<ScatterMode::max>(dtype);
    default:
      return find_ordered<ScatterMode::min>(dtype);
  }
}

}  // namespace mlx::core::cpu
