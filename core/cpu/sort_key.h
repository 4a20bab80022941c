#pragma once

// Keys: unsigned integers in the order of the values that they stand for.

#include <bit>
#include <cstdint>
#include <type_traits>

#include "mlx/core/dtype.h"

namespace mlx::core::cpu {

template <typename T>
inline constexpr bool kIsHalf = std::is_same_v<T, float16_t> || std::is_same_v<T, bfloat16_t>;
template <typename T>
inline constexpr bool kIsReal = kIsHalf<T> || std::is_floating_point_v<T>;

template <typename T>
using SortKey = std::conditional_t<sizeof(T) <= 2, uint16_t,
                                   std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>;

/// The highest bit of a key.
template <typename Key>
inline constexpr Key kTopBit = static_cast<Key>(Key(1) << (8 * sizeof(Key) - 1));

/// Infinity, as bits. What lies above it without the sign is NaN.
template <typename T>
constexpr SortKey<T> infinity_bits() {
  if constexpr (std::is_same_v<T, float16_t>) {
    return 0x7C00;
  } else if constexpr (std::is_same_v<T, bfloat16_t>) {
    return 0x7F80;
  } else if constexpr (std::is_same_v<T, float>) {
    return 0x7F800000;
  } else {
    return 0x7FF0000000000000;
  }
}

/// Tells all real values apart but NaNs, which come last: -0 is less than 0.
/// Other values than complex ones.
template <typename T>
SortKey<T> exact_key(T v) {
  using Key = SortKey<T>;
  constexpr Key kTop = kTopBit<Key>;
  if constexpr (kIsReal<T>) {
    // Negative values turn all bits, others the sign; without branches.
    const Key bits = std::bit_cast<Key>(v);
    const auto sign =
        static_cast<Key>(std::bit_cast<std::make_signed_t<Key>>(bits) >> (8 * sizeof(Key) - 1));
    const auto is_nan = static_cast<Key>(-static_cast<Key>((bits & ~kTop) > infinity_bits<T>()));
    return static_cast<Key>((bits ^ (sign | kTop)) | is_nan);
  } else if constexpr (std::is_signed_v<T>) {
    return static_cast<Key>(static_cast<Key>(v) ^ kTop);
  } else {
    return static_cast<Key>(v);
  }
}

/// The value of an exact key.
template <typename T>
T value_of_key(SortKey<T> key) {
  using Key = SortKey<T>;
  constexpr Key kTop = kTopBit<Key>;
  if constexpr (kIsReal<T>) {
    const auto sign =
        static_cast<Key>(std::bit_cast<std::make_signed_t<Key>>(key) >> (8 * sizeof(Key) - 1));
    return std::bit_cast<T>(static_cast<Key>(key ^ (static_cast<Key>(~sign) | kTop)));
  } else if constexpr (std::is_signed_v<T>) {
    return static_cast<T>(key ^ kTop);
  } else {
    return static_cast<T>(key);
  }
}

/// The exact key of -0. That of 0 follows.
template <typename T>
inline constexpr SortKey<T> kNegativeZeroKey = static_cast<SortKey<T>>(kTopBit<SortKey<T>> - 1);

/// Equal for equal values: 0 equals -0. Complex numbers go by the real part first, those with a NaN
/// in either part come last.
template <typename T>
SortKey<T> sort_key(T v) {
  if constexpr (std::is_same_v<T, complex64_t>) {
    const bool is_nan = v.real() != v.real() || v.imag() != v.imag();
    return is_nan ? ~uint64_t(0) : uint64_t(sort_key(v.real())) << 32 | sort_key(v.imag());
  } else if constexpr (kIsReal<T>) {
    using Key = SortKey<T>;
    const Key key = exact_key(v);
    return static_cast<Key>(key + (key == kNegativeZeroKey<T>));
  } else {
    return exact_key(v);
  }
}

}  // namespace mlx::core::cpu
