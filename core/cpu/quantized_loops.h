#pragma once

// Inner loops of quantization, compiled once per instruction set.

#include <cstdint>

namespace mlx::core::cpu {

/// What a code of a packed matrix means: an unsigned number of so many bits, or a tiny
/// floating-point one.
enum class CodeKind : uint8_t { u1, u2, u3, u4, u5, u6, u8, e2m1, e4m3 };
inline constexpr int kCodeKinds = 9;

/// Rows of x that a product takes together.
inline constexpr int64_t kDotColumns = 4;

/// How x has to be arranged for a product: blocks of lanes * steps elements, and
/// in each, element (step, lane) of the block is number
/// lane * steps + step if interleaved, else step * lanes + lane.
struct DotLayout {
  int64_t lanes;
  int64_t steps;
  bool interleaved;
  int64_t block() const { return lanes * steps; }
};

/// Dot products of rows of a packed matrix with one or kDotColumns rows of x:
/// out[c * out_stride + r] = sum over k of x[c][k] * (code[r][k] * scale[r][group] +
/// bias[r][group])
struct Dot {
  const uint32_t* words;
  int64_t row_words;
  int64_t rows;
  int64_t group;
  /// [rows][groups], zero from the last group of the matrix on. `groups` is a multiple of lanes
  /// and leaves room for one vector behind what the blocks of a row need. `biases` may be null.
  const float* scales = nullptr;
  const float* biases = nullptr;
  int64_t groups = 0;
  int64_t row_groups;  ///< how many there are
  /// Arranged: [columns][blocks], zero where the last block goes beyond the row.
  const float* x = nullptr;
  int64_t blocks = 0;
  /// Sums of x over the groups: [columns][groups].
  const float* sums = nullptr;
  float* out = nullptr;
  int64_t out_stride;
  /// Rows of x that are wanted in `out`.
  int64_t columns = 0;
};

struct CodeLoops {
  DotLayout layout;
  /// `count` is a multiple of 16.
  void (*decode)(float* out, const uint8_t* packed, int64_t count);
  void (*dot)(const Dot& dot);          ///< one row of x
  void (*dot_columns)(const Dot& dot);  ///< kDotColumns of them
};

struct QuantizedLoops {
  CodeLoops codes[kCodeKinds];
  /// x * factors[i] + terms[i] or x * factors[i] for group i. In place.
  void (*scale_groups)(float* x, const float* factors, const float* terms, int64_t groups,
                       int64_t group);
  void (*add_groups)(float* x, const float* terms, int64_t groups, int64_t group);
  /// Codes, scale and bias of one affine group.
  void (*quantize_affine)(uint8_t* codes, float* scale, float* bias, const float* x, int64_t group,
                          int bits);
  /// The largest magnitude; NaN and the sign are ignored.
  float (*largest)(const float* x, int64_t count);
  void (*encode_e2m1)(uint8_t* codes, const float* x, int64_t count);
  void (*encode_e4m3)(uint8_t* codes, const float* x, int64_t count);
};

extern const QuantizedLoops kQuantizedLoopsBase;
#if defined(__x86_64__)
extern const QuantizedLoops kQuantizedLoopsAvx2;
extern const QuantizedLoops kQuantizedLoopsAvx512;
#endif

/// The loops for this machine.
const QuantizedLoops& quantized_loops();

}  // namespace mlx::core::cpu
