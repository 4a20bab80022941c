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
// Below, steps would lose bits when they meet small scales.
constexpr float kSmallest = 1e-20f;

// Rows of the matrix that meet x together: fewer, and reading its digits takes longer than
// multiplying them.
constexpr int64_t kTogether = 4;
// Blocks of a row that are fetched before they are needed: what the processor foresees by itself
// is too little for the latency of the last cache.
constexpr int64_t kAhead = 64;

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

/// What has to be known of a group before its digits are.
struct GroupContent {
  float top;  // the largest magnitude; infinite if there is a NaN
  float sum;
};

MLX_VNNI inline GroupContent look_at_group(const float* x, int64_t count) {
  __m512 top = _mm512_setzero_ps();
  __m512d low = _mm512_setzero_pd(), high = low;
  int is_nan = 0;
  for (int64_t i = 0; i < count; i += 16) {
    const __m512 v = _mm512_loadu_ps(x + i);
    is_nan |= _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    top = _mm512_max_ps(top, _mm512_abs_ps(v));
    low = _mm512_add_pd(low, _mm512_cvtps_pd(_mm512_castps512_ps256(v)));
    high = _mm512_add_pd(high, _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1)));
  }
  return {is_nan != 0 ? HUGE_VALF : _mm512_reduce_max_ps(top),
          static_cast<float>(_mm512_reduce_add_pd(_mm512_add_pd(low, high)))};
}

template <int kBits>
MLX_VNNI bool write(const DigitRow& to, const float* x, int64_t count, int64_t group) {
  constexpr int64_t kBlock = kDigitLanes * 32 / kBits;
  for (int64_t begin = 0, g = 0; begin < count; begin += group, ++g) {
    const auto [top, sum] = look_at_group(x + begin, group);
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
    to.steps[g] = top / kMost;
    to.sums[g] = sum;
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

/// Where the blocks are that will be needed: all rows that are taken together, then the next ones.
class Ahead {
 public:
  Ahead(const uint32_t* words, int64_t row_words, int64_t blocks)
      : row_words_(row_words),
        blocks_(blocks),
        words_(words + kAhead / blocks * kTogether * row_words),
        block_(kAhead % blocks) {}

  void fetch(int64_t row) const {
    _mm_prefetch(words_ + row * row_words_ + block_ * kDigitLanes, _MM_HINT_T0);
  }
  void advance() {
    if (++block_ < blocks_) return;
    block_ = 0;
    words_ += kTogether * row_words_;
  }

 private:
  int64_t row_words_, blocks_;
  const uint32_t* words_;
  int64_t block_;
};

// The rows [first, first + kTogether) of the matrix; behind the last row comes the last row again.
template <int kBits, Dtype::Val kDtype>
MLX_VNNI void dot_rows(const Dot& d, const DigitRow& x,
                       const QuantizedMatrix::Parameters& parameters, int64_t first) {
  constexpr int64_t kBlock = kDigitLanes * 32 / kBits;
  const uint32_t* words[kTogether];
  int64_t groups[kTogether];
  __m512 total[kTogether], scales[kTogether];
#pragma GCC unroll 4
  for (int64_t r = 0; r < kTogether; ++r) {
    const int64_t row = std::min(first + r, d.rows - 1);
    words[r] = d.words + row * d.row_words;
    groups[r] = row * d.row_groups;
    total[r] = _mm512_setzero_ps();
  }
  Ahead ahead(words[0], d.row_words, d.blocks);
  const __m128i group_shift = _mm_cvtsi64_si128(__builtin_ctzll(static_cast<uint64_t>(d.group)));
  // The first element of each lane, as its position behind the first of 16 groups.
  const __m512i first_block =
      _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                         _mm512_set1_epi32(32 / kBits));
  const int64_t span = kDigitLanes * d.group / kBlock;  // blocks of 16 groups
  for (int64_t group = 0, b = 0; group < d.row_groups; group += kDigitLanes) {
    const __mmask16 mask = first_lanes(d.row_groups - group);
    const __m512 steps = _mm512_loadu_ps(x.steps + group), sums = _mm512_loadu_ps(x.sums + group);
#pragma GCC unroll 4
    for (int64_t r = 0; r < kTogether; ++r) {
      const int64_t at = groups[r] + group;
      scales[r] = _mm512_mul_ps(load_some<kDtype>(parameters.scales, at, mask), steps);
      total[r] = _mm512_fmadd_ps(load_some<kDtype>(parameters.biases, at, mask), sums, total[r]);
    }
    __m512i position = first_block;
    for (const int64_t end = std::min(b + span, d.blocks); b < end; ++b) {
      const __m512i lane_group = _mm512_srl_epi32(position, group_shift);
      position = _mm512_add_epi32(position, _mm512_set1_epi32(kBlock));
      const int64_t at = b * kDigitLanes;
      const __mmask16 in_row = first_lanes(d.row_words - at);
#pragma GCC unroll 4
      for (int64_t r = 0; r < kTogether; ++r) {
        ahead.fetch(r);
        const __m512i word = _mm512_maskz_loadu_epi32(in_row, words[r] + at);
        total[r] = _mm512_fmadd_ps(block_sums<kBits>(word, x.digits + b * kDigits * kBlock),
                                   _mm512_permutexvar_ps(lane_group, scales[r]), total[r]);
      }
      ahead.advance();
    }
  }
#pragma GCC unroll 4
  for (int64_t r = 0; r < kTogether; ++r) {
    if (first + r < d.rows) d.out[first + r] = _mm512_reduce_add_ps(total[r]);
  }
}

template <int kBits, Dtype::Val kDtype>
MLX_VNNI void dot(const Dot& d, const DigitRow& x, const QuantizedMatrix::Parameters& parameters) {
  for (int64_t row = 0; row < d.rows; row += kTogether) {
    dot_rows<kBits, kDtype>(d, x, parameters, row);
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
