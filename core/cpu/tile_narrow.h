#pragma once

// Between narrow storage and the compute type it is widened to. Included only
// by tile_loops.cpp; see tile_math.h about linkage.

#include <cstdint>

#include "mlx/core/cpu/tile_loops.h"
#include "mlx/core/cpu/tile_math.h"

#if defined(__F16C__) || defined(__AVX512BW__)
#include <immintrin.h>
#endif

namespace mlx::core::cpu {
namespace {

// 16-bit floats as their bits.
struct Half {
  uint16_t bits;
};
struct Brain {
  uint16_t bits;
};

MLX_INLINE uint32_t bits_of(float x) { return __builtin_bit_cast(uint32_t, x); }
MLX_INLINE float float_of(uint32_t bits) { return __builtin_bit_cast(float, bits); }

// Without branches, so that the loops vectorise. Rounds to nearest even.
MLX_INLINE Brain to_brain(float x) {
  const uint32_t u = bits_of(x);
  const uint32_t rounded = (u + 0x7FFFu + ((u >> 16) & 1u)) >> 16;
  const uint32_t nan = (u >> 16) | 0x40u;
  return {static_cast<uint16_t>((u & 0x7FFFFFFFu) > 0x7F800000u ? nan : rounded)};
}

MLX_INLINE Half to_half(float x) {
#if defined(__F16C__)
  return {static_cast<uint16_t>(_cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT))};
#else
  const uint32_t u = bits_of(x);
  const uint32_t sign = (u >> 16) & 0x8000u;
  const uint32_t magnitude = u & 0x7FFFFFFFu;
  const uint32_t nan = 0x7E00u | ((magnitude >> 13) & 0x3FFu);
  const uint32_t subnormal = bits_of(float_of(magnitude) + 0.5f) - 0x3F000000u;
  const uint32_t normal = (magnitude - 0x38000000u + 0xFFFu + ((magnitude >> 13) & 1u)) >> 13;
  uint32_t h = magnitude < 0x38800000u ? subnormal : normal;
  h = magnitude >= 0x477FF000u ? 0x7C00u : h;
  h = magnitude > 0x7F800000u ? nan : h;
  return {static_cast<uint16_t>(sign | h)};
#endif
}

MLX_INLINE float widen_element(Brain x) { return float_of(static_cast<uint32_t>(x.bits) << 16); }
MLX_INLINE float widen_element(Half x) {
#if defined(__F16C__)
  return _cvtsh_ss(x.bits);
#else
  const uint32_t sign = static_cast<uint32_t>(x.bits & 0x8000u) << 16;
  const uint32_t magnitude = x.bits & 0x7FFFu;
  const uint32_t special = 0x7F800000u | ((magnitude & 0x3FFu) << 13);
  const uint32_t normal = (magnitude << 13) + 0x38000000u;
  const uint32_t subnormal =
      bits_of(static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24f);
  const uint32_t u = magnitude >= 0x7C00u ? special : magnitude >= 0x0400u ? normal : subnormal;
  return float_of(sign | u);
#endif
}
template <typename T>
MLX_INLINE auto widen_element(T x) {
  return static_cast<std::conditional_t<is_signed<T>, int32_t, uint32_t>>(x);
}

template <typename T>
struct Narrow {
  using Wide = decltype(widen_element(T{}));
  static MLX_INLINE T from(Wide x) { return static_cast<T>(x); }
};
template <>
struct Narrow<Half> {
  using Wide = float;
  static MLX_INLINE Half from(float x) { return to_half(x); }
};
template <>
struct Narrow<Brain> {
  using Wide = float;
  static MLX_INLINE Brain from(float x) { return to_brain(x); }
};

#if defined(__F16C__)
// GCC does not vectorise the conversion of single halves.
MLX_INLINE int64_t widen_octets(float* dst, const Half* src, int64_t count) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(src + i));
    _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(halves));
  }
  return i;
}
MLX_INLINE int64_t narrow_octets(Half* dst, const float* src, int64_t count) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + i), halves);
  }
  return i;
}
MLX_INLINE int64_t trim_octets(Half, float* dst, const float* src, int64_t count) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT);
    _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(halves));
  }
  return i;
}
#endif
#if defined(__AVX512BW__)
// What to_brain does, in the upper half of each lane.
MLX_INLINE __m512i brains(const float* src) {
  const __m512 x = _mm512_loadu_ps(src);
  const __m512i u = _mm512_castps_si512(x), one = _mm512_set1_epi32(1);
  const __mmask16 odd = _mm512_test_epi32_mask(u, _mm512_set1_epi32(0x10000));
  const __m512i below = _mm512_add_epi32(u, _mm512_set1_epi32(0x7FFF));
  const __m512i rounded = _mm512_mask_add_epi32(below, odd, below, one);
  const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  return _mm512_mask_or_epi32(rounded, nan, u, _mm512_set1_epi32(0x400000));
}
MLX_INLINE int64_t narrow_octets(Brain* dst, const float* src, int64_t count) {
  alignas(64) static constexpr uint16_t kUpper[32] = {1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21,
                                                      23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43,
                                                      45, 47, 49, 51, 53, 55, 57, 59, 61, 63};
  const __m512i upper = _mm512_load_si512(kUpper);
  int64_t i = 0;
  for (; i + 32 <= count; i += 32) {
    const __m512i words = _mm512_permutex2var_epi16(brains(src + i), upper, brains(src + i + 16));
    _mm512_storeu_si512(dst + i, words);
  }
  return i;
}
#endif
template <typename To, typename From>
MLX_INLINE int64_t widen_octets(To*, const From*, int64_t) {
  return 0;
}
template <typename To, typename From>
MLX_INLINE int64_t narrow_octets(To*, const From*, int64_t) {
  return 0;
}

template <typename T, typename Wide>
MLX_INLINE int64_t trim_octets(T, Wide*, const Wide*, int64_t) {
  return 0;
}

template <typename T>
void widen_loop(void* dst, const void* src, const void*, const void*, int64_t count) {
  auto* d = static_cast<typename Narrow<T>::Wide*>(dst);
  const auto* x = static_cast<const T*>(src);
  int64_t i = widen_octets(d, x, count);
  MLX_VECTORIZE
  for (; i < count; ++i) {
    d[i] = widen_element(x[i]);
  }
}

template <typename T>
void narrow_loop(void* dst, const void* src, const void*, const void*, int64_t count) {
  auto* d = static_cast<T*>(dst);
  const auto* x = static_cast<const typename Narrow<T>::Wide*>(src);
  int64_t i = narrow_octets(d, x, count);
  MLX_VECTORIZE
  for (; i < count; ++i) {
    d[i] = Narrow<T>::from(x[i]);
  }
}

template <typename T>
void trim_loop(void* dst, const void* src, const void*, const void*, int64_t count) {
  auto* d = static_cast<typename Narrow<T>::Wide*>(dst);
  const auto* x = static_cast<const typename Narrow<T>::Wide*>(src);
  int64_t i = trim_octets(T{}, d, x, count);
  MLX_VECTORIZE
  for (; i < count; ++i) {
    d[i] = widen_element(Narrow<T>::from(x[i]));
  }
}

template <typename T>
constexpr void fill_narrow(TileLoops& table, NarrowType type) {
  const int i = static_cast<int>(type);
  table.widen[i] = widen_loop<T>;
  table.narrow[i] = narrow_loop<T>;
  table.trim[i] = trim_loop<T>;
}

constexpr void fill_narrow(TileLoops& table) {
  fill_narrow<uint8_t>(table, NarrowType::u8);
  fill_narrow<uint16_t>(table, NarrowType::u16);
  fill_narrow<int8_t>(table, NarrowType::i8);
  fill_narrow<int16_t>(table, NarrowType::i16);
  fill_narrow<Half>(table, NarrowType::f16);
  fill_narrow<Brain>(table, NarrowType::bf16);
}

}  // namespace
}  // namespace mlx::core::cpu
