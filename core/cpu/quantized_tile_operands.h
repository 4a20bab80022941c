#pragma once

// The operands of tile instructions: rows of x, and codes of a packed matrix. Included by
// quantized_tiles.cpp only, on x86-64.

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/quantized_matrix.h"
#include "mlx/core/graph/node.h"

#define MLX_AMX __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,amx-tile,amx-bf16")))

namespace mlx::core::cpu {
namespace {

constexpr int64_t kSide = 16;              // rows of a tile, and columns of a result
constexpr int64_t kDepth = 32;             // elements of a row of an operand
constexpr int64_t kTile = kSide * kDepth;  // elements of an operand, 1 KiB
constexpr int64_t kSums = kSide * kSide;   // of a result, 1 KiB
constexpr int64_t kPair = 2 * kSide;       // rows of the matrix, and of x, that are taken together
constexpr int64_t kRows = 512;             // of x at a time: their parts stay in the last cache
// Of the matrix at a time: their codes stay in the cache of a core.
constexpr int64_t kBlockElements = 1 << 18;
constexpr int64_t kStripPairs = 4;
constexpr int64_t kGrain = 1 << 18;  // multiplications that are worth a thread
// Bytes of a row that are fetched before they are needed.
constexpr int64_t kAhead = 2048;
// Below, the last part of a number would be flushed to zero.
constexpr float kSmallest = 1e-30f;

int64_t rounded_up(int64_t x, int64_t unit) { return (x + unit - 1) / unit * unit; }

array scratch(int64_t elements, Dtype dtype) {
  array out = make_array({elements}, dtype);
  allocate(out);
  return out;
}

template <typename T>
struct alignas(64) Line {
  T of[64 / sizeof(T)];
};

// Rows of x, in tiles whose columns are rows of x, and their sums over groups.
class XTiles {
 public:
  XTiles(const float* x, int64_t rows, int64_t inner, int64_t group)
      : depth_(inner / kDepth),
        tiles_((rows + kSide - 1) / kSide),
        groups_(inner / group),
        content_(look(x, rows, inner)),
        parts_(scratch(tiles_ * depth_ * needed() * kTile, bfloat16)),
        sums_(static_cast<size_t>(tiles_ * groups_)) {
    parallel_for(tiles_, 1 + kGrain / (kSide * inner), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        const int64_t count = std::min(kSide, rows - t * kSide);
        if (count < kSide) std::fill_n(tile(t, 0), depth_ * needed() * kTile, uint16_t{0});
        for (int64_t r = 0; r < count; ++r) {
          const float* row = x + (t * kSide + r) * inner;
          split(t, r, row);
          sum_groups(t, r, row, group);
        }
      }
    });
  }

  int64_t tiles() const { return tiles_; }
  /// How many parts the numbers have: as many as hold their 24, 16 or 8 bits.
  int needed() const {
    return (content_.any & 0xFF) != 0 ? 3 : (content_.any & 0xFFFF) != 0 ? 2 : 1;
  }
  /// The largest magnitude; more if there is a NaN.
  float largest() const { return std::bit_cast<float>(content_.top); }
  /// Where the parts of `kDepth` elements of 16 rows begin, one tile after the other.
  const uint16_t* tile(int64_t t, int64_t depth) const {
    return const_cast<XTiles*>(this)->tile(t, depth);
  }
  const float* sums(int64_t t, int64_t group) const {
    return sums_[static_cast<size_t>(t * groups_ + group)].of;
  }

 private:
  /// Of the numbers as bits.
  struct Content {
    uint32_t top = 0;  // the largest, without sign
    uint32_t any = 0;  // all that are set somewhere
  };
  MLX_AMX static Content look_at(const float* x, int64_t count);
  // At all rows.
  static Content look(const float* x, int64_t rows, int64_t inner) {
    std::vector<Content> found(static_cast<size_t>(rows));
    parallel_for(rows, 1 + kGrain / inner, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        found[static_cast<size_t>(r)] = look_at(x + r * inner, inner);
      }
    });
    Content all;
    for (const Content& row : found) all = {std::max(all.top, row.top), all.any | row.any};
    return all;
  }

  uint16_t* tile(int64_t t, int64_t depth) {
    return static_cast<uint16_t*>(parts_.data<void>()) + (t * depth_ + depth) * needed() * kTile;
  }
  // Row r of tile t.
  MLX_AMX void split(int64_t t, int64_t r, const float* row);
  void sum_groups(int64_t t, int64_t r, const float* row, int64_t group) {
    for (int64_t g = 0; g < groups_; ++g, row += group) {
      sums_[static_cast<size_t>(t * groups_ + g)].of[r] = sum_of_group(row, group);
    }
  }

  int64_t depth_, tiles_, groups_;
  Content content_;
  array parts_;
  std::vector<Line<float>> sums_;
};

// The upper halves of 32 numbers, in their order.
MLX_AMX inline __m512i upper_halves(__m512 a, __m512 b) {
  alignas(64) static constexpr auto kOdd = [] {
    Line<int16_t> line{};
    for (int i = 0; i < 32; ++i) line.of[i] = static_cast<int16_t>(2 * i + 1);
    return line;
  }();
  return _mm512_permutex2var_epi16(_mm512_castps_si512(a), _mm512_load_si512(&kOdd),
                                   _mm512_castps_si512(b));
}

// What the upper half of each number says: a bfloat16, towards zero. NaN stays NaN.
MLX_AMX inline __m512 leading(__m512 v) {
  const __m512 cut =
      _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(-65536)));
  const __mmask16 is_nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
  return _mm512_mask_mov_ps(cut, is_nan, _mm512_set1_ps(NAN));
}

// What is left; of infinity nothing.
MLX_AMX inline __m512 rest_of(__m512 v, __m512 part) {
  const __mmask16 finite =
      _mm512_cmp_ps_mask(_mm512_abs_ps(v), _mm512_set1_ps(HUGE_VALF), _CMP_LT_OQ);
  return _mm512_maskz_sub_ps(finite, v, part);
}

XTiles::Content XTiles::look_at(const float* x, int64_t count) {
  __m512i top = _mm512_setzero_si512(), any = _mm512_setzero_si512();
  for (int64_t i = 0; i < count; i += 16) {
    const __m512i bits = _mm512_loadu_si512(x + i);
    any = _mm512_or_si512(any, bits);
    top = _mm512_max_epu32(top, _mm512_and_si512(bits, _mm512_set1_epi32(INT32_MAX)));
  }
  return {_mm512_reduce_max_epu32(top), static_cast<uint32_t>(_mm512_reduce_or_epi32(any))};
}

void XTiles::split(int64_t t, int64_t r, const float* row) {
  const int parts = needed();
  for (int64_t d = 0; d < depth_; ++d) {
    __m512 a = _mm512_loadu_ps(row + d * kDepth), b = _mm512_loadu_ps(row + d * kDepth + 16);
    uint16_t* to = tile(t, d);
    for (int part = 0; part < parts; ++part, to += kTile) {
      const __m512 first = leading(a), second = leading(b);
      alignas(64) uint32_t pairs[kSide];
      _mm512_store_si512(pairs, upper_halves(first, second));
      for (int64_t i = 0; i < kSide; ++i) __builtin_memcpy(to + (i * kSide + r) * 2, pairs + i, 4);
      a = rest_of(a, first);
      b = rest_of(b, second);
    }
  }
}

/// What is read of a matrix at a time: many rows to be multiplied by many rows of x, or long ones,
/// since memory likes that better.
struct Block {
  Block(const QuantizedMatrix& w, int64_t x_tiles)
      : depth(std::min(rounded_up(w.columns(), 128), int64_t{x_tiles > 4 ? 1024 : 4096})),
        pairs(std::max<int64_t>(1, kBlockElements / (kPair * depth))) {}
  int64_t depth;  // of whole groups of any size
  int64_t pairs;
  int64_t rows() const { return pairs * kPair; }
};

/// Some rows of the matrix, some groups deep: their codes in tiles, scales and biases.
class CodeTiles {
 public:
  /// If `rounded` the codes are the elements, rounded to bfloat16, as one group with the scale 1.
  CodeTiles(const QuantizedMatrix& w, const Block& block, bool rounded)
      : w_(w),
        rows_(block.rows()),
        rounded_(rounded),
        codes_(scratch(rows_ * block.depth, bfloat16)),
        wide_(static_cast<size_t>(block.depth)),
        row_scales_(static_cast<size_t>(2 * block.depth / w.format().group)),
        scales_(row_scales_.size() * static_cast<size_t>(rows_), 1.0f) {
    // The codes 0 to 15, decoded.
    const uint8_t packed[] = {0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE};
    if (w.format().bits == 4) {
      quantized_loops().codes[static_cast<int>(code_kind(w.format()))].decode(wide_.data(), packed,
                                                                              16);
      for (size_t i = 0; i < 32; ++i) {
        table_.of[i] = static_cast<uint16_t>(std::bit_cast<uint32_t>(wide_[i % 16]) >> 16);
      }
    }
  }

  /// Rows [first, first + rows), groups [group, group + groups).
  void read(int64_t first, int64_t rows, int64_t group, int64_t groups) {
    groups_ = rounded_ ? 1 : groups;
    depth_ = groups * w_.format().group / kDepth;
    for (int64_t r = 0; r < rows; ++r) {
      auto* to = const_cast<uint16_t*>(tile(r / kSide, 0)) + r % kSide * kDepth;
      const int64_t at = group * w_.format().group, row = first + r;
      if (rounded_) {
        w_.unpack(wide_.data(), row, at, depth_ * kDepth, row_scales_.data());
        round(to);
        continue;
      }
      read_codes(to, row, at);
      read_parameters(r, row, group);
    }
  }

  int64_t groups() const { return groups_; }
  int64_t group_depth() const { return depth_ / groups_; }
  bool has_biases() const { return w_.has_biases() && !rounded_; }
  const uint16_t* tile(int64_t t, int64_t depth) const {
    return static_cast<const uint16_t*>(codes_.data<void>()) + (t * depth_ + depth) * kTile;
  }
  /// Those of the rows from `row` on follow.
  const float* scales(int64_t group, int64_t row) const {
    return const_cast<CodeTiles*>(this)->scale(group, row);
  }
  const float* biases(int64_t group, int64_t row) const {
    return const_cast<CodeTiles*>(this)->bias(group, row);
  }

 private:
  float* scale(int64_t group, int64_t row) {
    return &scales_[static_cast<size_t>(2 * group * rows_ + row)];
  }
  float* bias(int64_t group, int64_t row) { return scale(group, row) + rows_; }

  void read_codes(uint16_t* to, int64_t row, int64_t first) {
    if (w_.format().bits == 4) {
      look_up(to, w_.bytes(row, first));
    } else if (code_kind(w_.format()) == CodeKind::u8) {
      convert(to, w_.bytes(row, first));
    } else {
      w_.codes(wide_.data(), row, first, depth_ * kDepth);
      narrow(to);
    }
  }
  void read_parameters(int64_t r, int64_t row, int64_t group) {
    const auto [scales, biases, dtype] = w_.parameters(row);
    const bool in_place = w_.has_biases() && dtype == float32;
    const float* from = static_cast<const float*>(scales) + group;
    if (!in_place) {
      w_.scales(row_scales_.data(), row, group, groups_);
      from = row_scales_.data();
    }
    for (int64_t g = 0; g < groups_; ++g) *scale(g, r) = from[g];
    if (!has_biases()) return;
    from = static_cast<const float*>(biases) + group;
    if (!in_place) {
      w_.biases(row_scales_.data(), row, group, groups_);
      from = row_scales_.data();
    }
    for (int64_t g = 0; g < groups_; ++g) *bias(g, r) = from[g];
  }

  // A row of codes of 8 bits, which are numbers.
  MLX_AMX void convert(uint16_t* to, const uint8_t* bytes) const {
    for (int64_t d = 0; d < depth_; ++d, bytes += 32) {
      _mm_prefetch(bytes + kAhead, _MM_HINT_T0);
      const auto floats = [&](int64_t at) MLX_AMX {
        const __m128i packed = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + at));
        return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(packed));
      };
      _mm512_store_si512(to + d * kTile, upper_halves(floats(0), floats(16)));
    }
  }
  // A row of codes of 4 bits, which name bfloat16 numbers.
  MLX_AMX void look_up(uint16_t* to, const uint8_t* bytes) const {
    const __m512i table = _mm512_load_si512(&table_);
    for (int64_t d = 0; d < depth_; ++d, bytes += 16) {
      _mm_prefetch(bytes + kAhead, _MM_HINT_T0);
      const __m128i packed = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
      const __m512i byte = _mm512_cvtepu8_epi32(packed);
      // Whatever is above the lowest five bits does not count; the fifth one chooses a copy.
      const __m512i codes = _mm512_or_si512(byte, _mm512_slli_epi32(byte, 12));
      _mm512_store_si512(to + d * kTile, _mm512_permutexvar_epi16(codes, table));
    }
  }
  // A row of any codes.
  MLX_AMX void narrow(uint16_t* to) const {
    for (int64_t d = 0; d < depth_; ++d) {
      const float* from = wide_.data() + d * kDepth;
      _mm512_store_si512(to + d * kTile,
                         upper_halves(_mm512_loadu_ps(from), _mm512_loadu_ps(from + 16)));
    }
  }
  // A row of elements, to the nearest; ties to even.
  MLX_AMX void round(uint16_t* to) const {
    const __m512i one = _mm512_set1_epi32(1), half = _mm512_set1_epi32(0x7FFF);
    const auto rounded = [&](const float* from) MLX_AMX {
      const __m512 v = _mm512_loadu_ps(from);
      const __m512i bits = _mm512_castps_si512(v);
      const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), one);
      const __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, half));
      const __mmask16 is_nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
      return _mm512_mask_mov_ps(_mm512_castsi512_ps(up), is_nan, _mm512_set1_ps(NAN));
    };
    for (int64_t d = 0; d < depth_; ++d) {
      const float* from = wide_.data() + d * kDepth;
      _mm512_store_si512(to + d * kTile, upper_halves(rounded(from), rounded(from + 16)));
    }
  }

  const QuantizedMatrix& w_;
  const int64_t rows_;
  const bool rounded_;
  Line<uint16_t> table_{};  // of codes of 4 bits, twice
  int64_t groups_ = 0, depth_ = 0;
  array codes_;
  std::vector<float> wide_, row_scales_, scales_;  // the last: [groups][2][rows]
};

}  // namespace
}  // namespace mlx::core::cpu
