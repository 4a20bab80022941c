#pragma once

// Keys: unsigned integers in the order of the values that they stand for. NaN
// comes last, 0 equals -0, complex numbers go by the real part first.

#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "mlx/core/dtype.h"

namespace mlx::core::cpu {

template <typename T>
using SortKey = std::conditional_t<sizeof(T) <= 4, uint32_t, uint64_t>;

template <typename T>
SortKey<T> sort_key(T v) {
  using Key = SortKey<T>;
  constexpr Key kTop = Key(1) << (8 * sizeof(Key) - 1);
  if constexpr (std::is_same_v<T, complex64_t>) {
    return Key(sort_key(v.real())) << 32 | sort_key(v.imag());
  } else if constexpr (std::is_same_v<T, float16_t> || std::is_same_v<T, bfloat16_t>) {
    return sort_key(static_cast<float>(v));
  } else if constexpr (std::is_floating_point_v<T>) {
    if (v != v) {
      return ~Key(0);
    }
    const Key bits = std::bit_cast<Key>(v + T(0));  // -0 + 0 is 0
    return bits & kTop ? ~bits : bits | kTop;
  } else if constexpr (std::is_signed_v<T>) {
    return static_cast<Key>(v) ^ kTop;
  } else {
    return static_cast<Key>(v);
  }
}

}  // namespace mlx::core::cpu
