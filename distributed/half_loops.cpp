#include "mlx/distributed/half_loops.h"

#include <bit>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mlx::core::distributed {
namespace {

// How many values were done: the rest, or on other machines all, go one by one.
#if defined(__x86_64__)
bool has_half_instructions() {
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");
  return has;
}

__attribute__((target("avx2,f16c"))) size_t widen_octets(float* to, const float16_t* from,
                                                         size_t count) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const auto halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(halves));
  }
  return i;
}

__attribute__((target("avx2,f16c"))) size_t narrow_octets(float16_t* to, const float* from,
                                                          size_t count) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const auto halves = _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), halves);
  }
  return i;
}

// As bfloat16_t::from_float, eight at a time.
__attribute__((target("avx2,f16c"))) size_t narrow_octets(bfloat16_t* to, const float* from,
                                                          size_t count) {
  const __m256i one = _mm256_set1_epi32(1), bias = _mm256_set1_epi32(0x7FFF);
  const __m256i quiet = _mm256_set1_epi32(0x40);
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256 x = _mm256_loadu_ps(from + i);
    const __m256i u = _mm256_castps_si256(x), upper = _mm256_srli_epi32(u, 16);
    const __m256i tie = _mm256_add_epi32(bias, _mm256_and_si256(upper, one));
    const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(u, tie), 16);
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    const __m256i bits = _mm256_blendv_epi8(rounded, _mm256_or_si256(upper, quiet), nan);
    const __m128i packed =
        _mm_packus_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), packed);
  }
  return i;
}
#else
bool has_half_instructions() { return false; }
size_t widen_octets(float*, const float16_t*, size_t) { return 0; }
template <typename Half>
size_t narrow_octets(Half*, const float*, size_t) {
  return 0;
}
#endif

template <typename Half>
void narrow_all(Half* to, const float* from, size_t count) {
  size_t i = has_half_instructions() ? narrow_octets(to, from, count) : 0;
  for (; i < count; ++i) to[i] = Half(from[i]);
}

}  // namespace

void widen(float* to, const float16_t* from, size_t count) {
  size_t i = has_half_instructions() ? widen_octets(to, from, count) : 0;
  for (; i < count; ++i) to[i] = float(from[i]);
}

void widen(float* to, const bfloat16_t* from, size_t count) {
  for (size_t i = 0; i < count; ++i) to[i] = float(from[i]);
}

void narrow(float16_t* to, const float* from, size_t count) { narrow_all(to, from, count); }

void narrow(bfloat16_t* to, const float* from, size_t count) { narrow_all(to, from, count); }

}  // namespace mlx::core::distributed
