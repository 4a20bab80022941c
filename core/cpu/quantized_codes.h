#pragma once

// Packed codes as vectors of floats. Included by quantized_loops.cpp only; internal linkage,
// because it is compiled once per instruction set.

#include <cstdint>
#include <type_traits>

#include "mlx/core/cpu/fp8.h"

#if defined(__FMA__)
#include <immintrin.h>
#endif

namespace mlx::core::cpu {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

using Floats = float __attribute__((vector_size(4 * kLanes)));
using Ints = int32_t __attribute__((vector_size(4 * kLanes)));
using Words = uint32_t __attribute__((vector_size(4 * kLanes)));

template <typename V>
inline V load(const void* from) {
  V v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}
template <typename To, typename From>
inline To as(From v) {
  return reinterpret_cast<To>(v);
}
inline Floats to_floats(Words v) { return __builtin_convertvector(as<Ints>(v), Floats); }

inline Floats multiply_add(Floats a, Floats b, Floats c) {
#if defined(__AVX512F__)
  return (Floats)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (Floats)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

// The floats of a table of 16, at the lowest four bits of each word.
template <const float (&kTable)[16]>
inline Floats look_up(Words v) {
#if defined(__AVX512F__)
  return __builtin_shuffle(load<Floats>(kTable), as<Ints>(v));
#else
  return Floats{};
#endif
}
constexpr bool kHasTables = kLanes == 16;

constexpr float kUnsigned[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
constexpr float kE2m1[16] = {0.0f,  0.5f,  1,  1.5f,  2,  3,  4,  6,
                             -0.0f, -0.5f, -1, -1.5f, -2, -3, -4, -6};

// Codes that fill words: lane l of a block holds word l, and step s takes the
// s-th code of every word.
template <int kBits>
struct Unsigned {
  static constexpr int kWidth = kBits;
  static inline Floats of(Words v) {
    if constexpr (kBits == 4 && kHasTables) return look_up<kUnsigned>(v);
    return to_floats(v & ((1u << kBits) - 1));
  }
};

struct E2m1 {
  static constexpr int kWidth = 4;
  static inline Floats of(Words v) {
    if constexpr (kHasTables) return look_up<kE2m1>(v);
    const Words magnitude = v & 7u;
    const Words normal = (magnitude << 22) + (126u << 23);
    const Words subnormal = as<Words>(to_floats(magnitude) * 0.5f);
    const Words u = magnitude < 2u ? subnormal : normal;
    return as<Floats>(u | (v & 8u) << 28);
  }
};

struct E4m3 {
  static constexpr int kWidth = 8;
  static inline Floats of(Words v) {
    const Words magnitude = v & 0x7Fu;
    const Words normal = (magnitude << 20) + (120u << 23);
    const Words subnormal = as<Words>(to_floats(magnitude) * 0x1p-9f);
    Words u = magnitude < 8u ? subnormal : normal;
    u = magnitude == 0x7Fu ? Words{} + 0x7FC00000u : u;
    return as<Floats>(u | (v & 0x80u) << 24);
  }
};

// kBytes bytes, least significant first. Two loads, because a copy through memory would wait for
// its own store.
template <int kBytes>
inline uint64_t load_bytes(const uint8_t* from) {
  constexpr int kFirst = kBytes >= 8 ? 8 : kBytes >= 4 ? 4 : kBytes >= 2 ? 2 : 1;
  using Few = std::conditional_t<kFirst == 2, uint16_t, uint8_t>;
  using First =
      std::conditional_t<kFirst == 8, uint64_t, std::conditional_t<kFirst == 4, uint32_t, Few>>;
  const uint64_t first = load<First>(from);
  if constexpr (kBytes == kFirst) {
    return first;
  } else {
    return first | load_bytes<kBytes - kFirst>(from + kFirst) << (8 * kFirst);
  }
}

// A vector that begins with kBytes bytes, at most 16.
template <int kBytes>
inline Words first_words(const uint8_t* from) {
  using Halves = uint64_t __attribute__((vector_size(4 * kLanes)));
  Halves v{};
  v[0] = load_bytes < kBytes < 8 ? kBytes : 8 > (from);
  if constexpr (kBytes > 8) v[1] = load_bytes<kBytes - 8>(from + 8);
  return as<Words>(v);
}

// A block of codes that fill words: one vector of words.
template <typename Code>
struct Interleaved {
  static constexpr int kBits = Code::kWidth;
  static constexpr int kSteps = 32 / kBits;
  static constexpr bool kIsInterleaved = true;
  static constexpr int kBlockWords = kLanes;

  Words words;
  explicit Interleaved(const uint32_t* from) : words(load<Words>(from)) {}
  inline Floats step(int s) const { return Code::of(words >> (s * kBits)); }

  // kLanes codes at a time: every lane gets the word that its code is in.
  static void decode(float* out, const uint8_t* packed, int64_t count) {
    Ints word;
    Words shift;
    for (int l = 0; l < kLanes; ++l) {
      word[l] = l * kBits / 32;
      shift[l] = static_cast<uint32_t>(l * kBits % 32);
    }
    for (int64_t i = 0; i < count; i += kLanes) {
      const Words codes = first_words<kLanes * kBits / 8>(packed + i * kBits / 8);
      const Floats values = Code::of(__builtin_shuffle(codes, word) >> shift);
      __builtin_memcpy(out + i, &values, sizeof values);
    }
  }
};

template <typename Half>
inline Floats joined(Half a, Half b) {
  const auto both =
      __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return load<Floats>(&both);
}

// A block of codes that cross words: 32 of them in their order.
template <int kWidth>
struct Stream {
  static constexpr int kBits = kWidth;
  static constexpr int kSteps = 32 / kLanes;
  static constexpr bool kIsInterleaved = false;
  static constexpr int kBlockWords = kBits;

  const uint8_t* packed;
  explicit Stream(const uint32_t* from) : packed(reinterpret_cast<const uint8_t*>(from)) {}

  // Eight codes are kBits bytes; this takes kPart of them.
  static constexpr int kPart = kLanes < 8 ? kLanes : 8;
  using Part = float __attribute__((vector_size(4 * kPart)));
  static inline Part part(const uint8_t* from, int64_t first) {
    using Wide = uint64_t __attribute__((vector_size(8 * kPart)));
    using Narrow = int32_t __attribute__((vector_size(4 * kPart)));
    Wide shift;
    for (int k = 0; k < kPart; ++k) shift[k] = static_cast<uint64_t>((first % 8 + k) * kBits);
    const uint64_t eight = load_bytes<kBits>(from + first / 8 * kBits);
    const Wide codes = (eight + Wide{}) >> shift & ((1u << kBits) - 1);
    return __builtin_convertvector(__builtin_convertvector(codes, Narrow), Part);
  }

  inline Floats step(int s) const {
    const Part first = part(packed, s * kLanes);
    if constexpr (kPart == kLanes) {
      return load<Floats>(&first);
    } else {
      return joined(first, part(packed, s * kLanes + kPart));
    }
  }

  static void decode(float* out, const uint8_t* packed, int64_t count) {
    for (int64_t i = 0; i < count; i += kPart) {
      const Part values = part(packed, i);
      __builtin_memcpy(out + i, &values, sizeof values);
    }
  }
};

}  // namespace
}  // namespace mlx::core::cpu
