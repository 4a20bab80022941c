#include "mlx/core/cpu/quantized_digits.h"

#include <algorithm>
#include <cmath>

#include "mlx/core/cpu/instruction_set.h"

#if defined(__x86_64__)
// GCC 12 takes the undefined operand of its own intrinsics for a mistake of ours.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#define MLX_VNNI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#endif

namespace mlx::core::cpu {
namespace {

// The largest number: the first digit is 127, the others are between -128 and 127.
constexpr float kMost = 127 * 65536;
// Below, the value of a step would lose bits.
constexpr float kSmallest = 1e-30f;

// Words that are fetched before they are needed: what the processor foresees by itself is too
// little for the latency of the last cache.
constexpr int64_t kAhead = 512;

#if defined(__x86_64__)

constexpr int kDigits = 3;

// Of 16 elements one digit, in order of their bytes within the block: a word's bytes hold their
// codes of 4 bits two by two, the first of which come first.
template <int kBits>
MLX_VNNI inline void write_digit(int8_t* digits, int64_t within, __m512i values) {
  const __m128i bytes = _mm512_cvtepi32_epi8(values);
  if constexpr (kBits == 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(digits + within), bytes);
  } else {
    const __m128i even_first = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    const __m128i sorted = _mm_shuffle_epi8(bytes, even_first);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(digits + within / 2), sorted);
    _mm_storeh_pd(reinterpret_cast<double*>(digits + 4 * kDigitLanes + within / 2),
                  _mm_castsi128_pd(sorted));
  }
}

// The largest magnitude; infinite if there is a NaN.
MLX_VNNI inline float largest(const float* x, int64_t count) {
  __m512 top = _mm512_setzero_ps();
  int is_nan = 0;
  for (int64_t i = 0; i < count; i += 16) {
    const __m512 v = _mm512_loadu_ps(x + i);
    is_nan |= _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    top = _mm512_max_ps(top, _mm512_abs_ps(v));
  }
  return is_nan != 0 ? HUGE_VALF : _mm512_reduce_max_ps(top);
}

template <int kBits>
MLX_VNNI bool write(const DigitRow& to, const float* x, int64_t count, int64_t group) {
  constexpr int64_t kBlock = kDigitLanes * 32 / kBits, kLaneCodes = 32 / kBits;
  for (int64_t begin = 0; begin < count; begin += group) {
    const float top = largest(x + begin, group);
    if (!(top == 0 || (top >= kSmallest && std::isfinite(top)))) return false;
    const __m512 inverse = _mm512_set1_ps(top == 0 ? 0 : kMost / top);
    for (int64_t i = begin; i < begin + group; i += 16) {
      __m512i rest = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + i), inverse));
      int8_t* block = to.digits + i / kBlock * kDigits * kBlock;
      for (int digit = kDigits - 1; digit >= 0; --digit) {
        const __m512i last = _mm512_srai_epi32(_mm512_slli_epi32(rest, 24), 24);
        write_digit<kBits>(block + digit * kBlock, i % kBlock, last);
        rest = _mm512_srai_epi32(_mm512_sub_epi32(rest, last), 8);
      }
    }
    std::fill_n(to.steps + begin / kLaneCodes, group / kLaneCodes, top / kMost);
  }
  return true;
}

// The sums of a block's products, in units of the steps.
template <int kBits>
MLX_VNNI inline __m512 block_sums(__m512i word, const int8_t* digits) {
  constexpr int kParts = 8 / kBits;
  constexpr int64_t kBlock = kDigitLanes * 32 / kBits;
  const __m512i low_bits = _mm512_set1_epi8(0x0F);
  __m512i codes[2] = {word, word};
  if constexpr (kBits == 4) {
    codes[0] = _mm512_and_si512(word, low_bits);
    codes[1] = _mm512_and_si512(_mm512_srli_epi16(word, 4), low_bits);
  }
  const auto add = [&](__m512i sums, int digit) MLX_VNNI {
    for (int p = 0; p < kParts; ++p) {
      const __m512i x = _mm512_loadu_si512(digits + digit * kBlock + p * 64);
      sums = _mm512_dpbusd_epi32(sums, codes[p], x);
    }
    return sums;
  };
  const __m512i upper = add(_mm512_slli_epi32(add(_mm512_setzero_si512(), 0), 8), 1);
  // 8 codes below 16 times 24 bits are below 2^31.
  if constexpr (kBits == 4) return _mm512_cvtepi32_ps(add(_mm512_slli_epi32(upper, 8), 2));
  const __m512i lower = add(_mm512_setzero_si512(), 2);
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(upper), _mm512_set1_ps(256), _mm512_cvtepi32_ps(lower));
}

MLX_VNNI inline __mmask16 first_lanes(int64_t count) {
  return static_cast<__mmask16>(count >= 16 ? 0xFFFF : (1 << count) - 1);
}

// Some of 16 numbers from number `first` on, widened.
template <Dtype::Val kDtype>
MLX_VNNI inline __m512 load_some(const void* from, int64_t first, __mmask16 mask) {
  if constexpr (kDtype == Dtype::Val::float32) {
    return _mm512_maskz_loadu_ps(mask, static_cast<const float*>(from) + first);
  } else {
    const __m256i narrow =
        _mm256_maskz_loadu_epi16(mask, static_cast<const uint16_t*>(from) + first);
    if constexpr (kDtype == Dtype::Val::float16) return _mm512_cvtph_ps(narrow);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(narrow), 16));
  }
}

/// Gives each lane of a block the scale of its group.
template <int kBits, Dtype::Val kDtype>
class LaneScales {
 public:
  MLX_VNNI explicit LaneScales(int64_t group) {
    alignas(64) int32_t lanes[kDigitLanes];
    alignas(64) uint8_t bytes[4 * kDigitLanes];
    for (int l = 0; l < kDigitLanes; ++l) {
      lanes[l] = static_cast<int32_t>(l * 32 / kBits / group);
      const auto first = static_cast<uint8_t>(2 * lanes[l]);
      bytes[4 * l] = bytes[4 * l + 1] = 0x80;  // zero
      bytes[4 * l + 2] = first;
      bytes[4 * l + 3] = static_cast<uint8_t>(first + 1);
    }
    group_ = _mm512_load_si512(lanes);
    upper_half_ = _mm512_load_si512(bytes);
    mask_ = first_lanes(lanes[kDigitLanes - 1] + 1);
  }

  /// From number `first` on, of which `count` may be read.
  MLX_VNNI __m512 some(const void* scales, int64_t first, int64_t count) const {
    const __m512 groups = load_some<kDtype>(scales, first, first_lanes(count) & mask_);
    return _mm512_permutexvar_ps(group_, groups);
  }
  /// The same where four more may be read: in fewer instructions.
  MLX_VNNI __m512 all(const void* scales, int64_t first) const {
    if constexpr (kDtype != Dtype::Val::bfloat16) return some(scales, first, kDigitLanes);
    int64_t four;
    __builtin_memcpy(&four, static_cast<const uint16_t*>(scales) + first, sizeof four);
    return _mm512_castsi512_ps(_mm512_shuffle_epi8(_mm512_set1_epi64(four), upper_half_));
  }

 private:
  __m512i group_, upper_half_;
  __mmask16 mask_;
};

template <int kBits, Dtype::Val kDtype>
MLX_VNNI void dot(const Dot& d, const DigitRow& x, const QuantizedMatrix::Parameters& parameters) {
  constexpr int64_t kBlock = kDigitLanes * 32 / kBits;
  const int group_shift = __builtin_ctzll(static_cast<uint64_t>(d.group));
  const LaneScales<kBits, kDtype> lane_scales(d.group);
  const int64_t whole = d.row_words / kDigitLanes, rest = d.row_words % kDigitLanes;
  for (int64_t row = 0; row < d.rows; ++row) {
    const uint32_t* words = d.words + row * d.row_words;
    const int64_t row_groups = row * d.row_groups;
    __m512 total = _mm512_setzero_ps();
    // Behind the last row there may be nothing.
    const int64_t plain = row + 1 < d.rows ? whole : 0;
    for (int64_t b = 0; b < whole; ++b, words += kDigitLanes) {
      _mm_prefetch(words + kAhead, _MM_HINT_T0);
      const __m512 sums = _mm512_mul_ps(
          block_sums<kBits>(_mm512_loadu_si512(words), x.digits + b * kDigits * kBlock),
          _mm512_loadu_ps(x.steps + b * kDigitLanes));
      const int64_t group = (b * kBlock) >> group_shift;
      const __m512 scale =
          b < plain ? lane_scales.all(parameters.scales, row_groups + group)
                    : lane_scales.some(parameters.scales, row_groups + group, d.row_groups - group);
      total = _mm512_fmadd_ps(sums, scale, total);
    }
    if (rest > 0) {
      const int64_t first_group = (whole * kBlock) >> group_shift;
      const __m512i word = _mm512_maskz_loadu_epi32(first_lanes(rest), words);
      const __m512 sums =
          _mm512_mul_ps(block_sums<kBits>(word, x.digits + whole * kDigits * kBlock),
                        _mm512_loadu_ps(x.steps + whole * kDigitLanes));
      const __m512 scale =
          lane_scales.some(parameters.scales, row_groups + first_group, d.row_groups - first_group);
      total = _mm512_fmadd_ps(sums, scale, total);
    }
    for (int64_t g = 0; g < d.row_groups; g += 16) {
      const __mmask16 mask = first_lanes(d.row_groups - g);
      total = _mm512_fmadd_ps(load_some<kDtype>(parameters.biases, row_groups + g, mask),
                              _mm512_loadu_ps(d.sums + g), total);
    }
    d.out[row] = _mm512_reduce_add_ps(total);
  }
}

template <int kBits>
void dot_any(const Dot& d, const DigitRow& x, const QuantizedMatrix::Parameters& parameters) {
  switch (parameters.dtype.val()) {
    case Dtype::Val::float16:
      return dot<kBits, Dtype::Val::float16>(d, x, parameters);
    case Dtype::Val::bfloat16:
      return dot<kBits, Dtype::Val::bfloat16>(d, x, parameters);
    default:
      return dot<kBits, Dtype::Val::float32>(d, x, parameters);
  }
}

}  // namespace

bool has_digits(CodeKind kind) {
  static const bool has_vnni =
      instruction_set() == InstructionSet::avx512 && __builtin_cpu_supports("avx512vnni");
  return has_vnni && (kind == CodeKind::u4 || kind == CodeKind::u8);
}

bool write_digits(const DigitRow& to, const float* x, int64_t count, int64_t group, int bits) {
  return bits == 4 ? write<4>(to, x, count, group) : write<8>(to, x, count, group);
}

void dot_digits(const Dot& d, const DigitRow& x, const QuantizedMatrix::Parameters& parameters,
                int bits) {
  bits == 4 ? dot_any<4>(d, x, parameters) : dot_any<8>(d, x, parameters);
}

#else

}  // namespace

bool has_digits(CodeKind) { return false; }
bool write_digits(const DigitRow&, const float*, int64_t, int64_t, int) { return false; }
void dot_digits(const Dot&, const DigitRow&, const QuantizedMatrix::Parameters&, int) {}

#endif

}  // namespace mlx::core::cpu
