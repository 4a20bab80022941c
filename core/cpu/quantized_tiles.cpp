#include "mlx/core/cpu/quantized_tiles.h"

#include "mlx/core/cpu/instruction_set.h"

#if defined(__x86_64__)
// GCC 12 takes the undefined operand of its own intrinsics for a mistake of ours.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <sys/syscall.h>
#include <unistd.h>

#include "mlx/core/cpu/quantized_tile_operands.h"
#endif

namespace mlx::core::cpu {

#if defined(__x86_64__)
namespace {

/// Pairs of tiles of the matrix with a pair of tiles of x: four tiles of results each.
struct Strip {
  const CodeTiles& codes;
  const XTiles& x;
  int64_t first_pair, pairs;  ///< of the codes
  int64_t x_tile;
  int64_t first_group;  ///< of the codes, as x counts
  int64_t first_depth;
  bool both_x;    ///< else only the first tile of x
  float* totals;  ///< [pairs][2][2][16 rows of the matrix][16 rows of x]

  int64_t codes_tile(int64_t pair) const { return 2 * (first_pair + pair); }
  float* total(int64_t pair, int64_t tile) const { return totals + (pair * 4 + tile) * kSums; }
};

// A group's products, stored as the totals are.
MLX_AMX inline void multiply_group(const Strip& p, int64_t pair, int64_t group, float* to) {
  const int parts = p.x.needed();
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  const int64_t depth = p.codes.group_depth();
  for (int64_t d = group * depth; d < (group + 1) * depth; ++d) {
    _tile_loadd(4, p.codes.tile(p.codes_tile(pair), d), 64);
    _tile_loadd(5, p.codes.tile(p.codes_tile(pair) + 1, d), 64);
    const uint16_t* first = p.x.tile(p.x_tile, p.first_depth + d);
    const uint16_t* second = p.x.tile(p.x_tile + (p.both_x ? 1 : 0), p.first_depth + d);
    for (int part = 0; part < parts; ++part, first += kTile, second += kTile) {
      _tile_loadd(6, first, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(2, 5, 6);
      if (p.both_x) {
        _tile_loadd(7, second, 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
      }
    }
  }
  _tile_stored(0, to, 64);
  _tile_stored(2, to + 2 * kSums, 64);
  if (p.both_x) {
    _tile_stored(1, to + kSums, 64);
    _tile_stored(3, to + 3 * kSums, 64);
  }
}

// Adds a group's products, scaled.
MLX_AMX inline void add_group(const Strip& p, int64_t pair, int64_t group, const float* products) {
  for (int64_t tile = 0; tile < 4; ++tile) {
    if (tile % 2 == 1 && !p.both_x) continue;
    const float* scales = p.codes.scales(group, (p.codes_tile(pair) + tile / 2) * kSide);
    const float* from = products + tile * kSums;
    float* to = p.total(pair, tile);
#pragma GCC unroll 16
    for (int64_t r = 0; r < kSide; ++r) {
      const __m512 sum =
          _mm512_fmadd_ps(_mm512_set1_ps(scales[r]), _mm512_load_ps(from + r * kSide),
                          _mm512_load_ps(to + r * kSide));
      _mm512_store_ps(to + r * kSide, sum);
    }
  }
}

// Adds the biases of all groups of the codes.
MLX_AMX void add_biases(const Strip& p, int64_t pair) {
  for (int64_t tile = 0; tile < 4; ++tile) {
    if (tile % 2 == 1 && !p.both_x) continue;
    const float* sums = p.x.sums(p.x_tile + tile % 2, p.first_group);
    float* to = p.total(pair, tile);
    __m512 total[kSide];
#pragma GCC unroll 16
    for (int64_t r = 0; r < kSide; ++r) total[r] = _mm512_load_ps(to + r * kSide);
    for (int64_t g = 0; g < p.codes.groups(); ++g) {
      const float* biases = p.codes.biases(g, (p.codes_tile(pair) + tile / 2) * kSide);
      const __m512 sum = _mm512_load_ps(sums + g * kSide);
#pragma GCC unroll 16
      for (int64_t r = 0; r < kSide; ++r) {
        total[r] = _mm512_fmadd_ps(_mm512_set1_ps(biases[r]), sum, total[r]);
      }
    }
#pragma GCC unroll 16
    for (int64_t r = 0; r < kSide; ++r) _mm512_store_ps(to + r * kSide, total[r]);
  }
}

// The vectors work on one group while the tiles work on the next. All pairs take a group in turn,
// so that x is read from the nearest cache.
MLX_AMX void multiply_strip(const Strip& p) {
  alignas(64) float products[2][4 * kSums];
  const int64_t steps = p.codes.groups() * p.pairs;
  for (int64_t i = 0; i <= steps; ++i) {
    if (i < steps) multiply_group(p, i % p.pairs, i / p.pairs, products[i % 2]);
    if (i < p.pairs && p.codes.has_biases()) add_biases(p, i);
    if (i > 0) add_group(p, (i - 1) % p.pairs, (i - 1) / p.pairs, products[(i - 1) % 2]);
  }
}

struct Result {
  float* out;
  int64_t rows, outer;

  // The totals of the pair (row of the matrix, row of x), which are transposed.
  void store(const float* total, int64_t first, int64_t first_row) const {
    const int64_t count = std::min(kPair, outer - first);
    for (int64_t r = 0; r < std::min(kPair, rows - first_row); ++r) {
      const float* column = total + r / kSide * kSums + r % kSide;
      float* to = out + (first_row + r) * outer + first;
      for (int64_t n = 0; n < count; ++n) to[n] = column[n / kSide * 2 * kSums + n % kSide * kSide];
    }
  }
};

/// Shapes of the tile registers, as the processor reads them.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// The rows of the matrix in pairs of tiles [begin, end) with all of x.
MLX_AMX void multiply_rows(const QuantizedMatrix& w, int64_t first_row, const XTiles& x,
                           const Result& result, bool rounded, int64_t begin, int64_t end) {
  const TileConfig config;
  _tile_loadconfig(&config);
  const Block block(w, x.tiles());
  const int64_t group = w.format().group, groups = block.depth / group,
                x_pairs = (x.tiles() + 1) / 2;
  CodeTiles codes(w, block, rounded);
  array totals = scratch(block.pairs * x_pairs * 4 * kSums, float32);
  for (int64_t at = begin; at < end; at += block.pairs) {
    const int64_t pairs = std::min(block.pairs, end - at);
    std::fill_n(totals.data<float>(), pairs * x_pairs * 4 * kSums, 0.0f);
    const auto total = [&](int64_t pair, int64_t x_pair) {
      return totals.data<float>() + (x_pair * pairs + pair) * 4 * kSums;
    };
    for (int64_t g = 0; g < w.groups(); g += groups) {
      codes.read(first_row + at * kPair, std::min(pairs * kPair, result.outer - at * kPair), g,
                 std::min(groups, w.groups() - g));
      for (int64_t x_pair = 0; x_pair < x_pairs; ++x_pair) {
        for (int64_t pair = 0; pair < pairs; pair += kStripPairs) {
          multiply_strip({.codes = codes,
                          .x = x,
                          .first_pair = pair,
                          .pairs = std::min(kStripPairs, pairs - pair),
                          .x_tile = 2 * x_pair,
                          .first_group = g,
                          .first_depth = g * group / kDepth,
                          .both_x = 2 * x_pair + 1 < x.tiles(),
                          .totals = total(pair, x_pair)});
        }
      }
    }
    for (int64_t x_pair = 0; x_pair < x_pairs; ++x_pair) {
      for (int64_t pair = 0; pair < pairs; ++pair) {
        result.store(total(pair, x_pair), (at + pair) * kPair, x_pair * kPair);
      }
    }
  }
  _tile_release();
}

// Linux gives a process the registers on demand.
bool request_tiles() {
  constexpr long kRequest = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return __builtin_cpu_supports("amx-bf16") && __builtin_cpu_supports("amx-tile") &&
         instruction_set() == InstructionSet::avx512 &&
         syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
}

}  // namespace

bool has_tiles(const QuantFormat& format) {
  static const bool has = request_tiles();
  return has && format.group % kDepth == 0;
}

bool multiply_by_tiles(const QuantizedMatrix& w, int64_t first_row, int64_t outer, const float* x,
                       int64_t rows, float* out, bool rounded) {
  const int64_t inner = w.columns();
  for (int64_t row = 0; row < rows; row += kRows) {
    const int64_t count = std::min(kRows, rows - row);
    const XTiles tiles(x + row * inner, count, inner, w.format().group);
    if (tiles.largest() < kSmallest && tiles.largest() > 0) return false;
    const Result result{out + row * outer, count, outer};
    parallel_for((outer + kPair - 1) / kPair, 1 + kGrain / (count * kPair * inner),
                 [&](int64_t begin, int64_t end) {
                   multiply_rows(w, first_row, tiles, result, rounded, begin, end);
                 });
  }
  return true;
}

#else

bool has_tiles(const QuantFormat&) { return false; }
bool multiply_by_tiles(const QuantizedMatrix&, int64_t, int64_t, const float*, int64_t, float*,
                       bool) {
  return false;
}

#endif

}  // namespace mlx::core::cpu
