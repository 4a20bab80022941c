// Compiled once per instruction set, with MLX_QUANTIZED_LOOPS as the name of
// its table; see tile_math.h about linkage.

#include "mlx/core/cpu/quantized_loops.h"

#include "mlx/core/cpu/quantized_codes.h"

namespace mlx::core::cpu {
namespace {

inline float sum_of(Floats v) {
  float lanes[kLanes];
  __builtin_memcpy(lanes, &v, sizeof v);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  }
  return lanes[0];
}

// kRows rows of the matrix with kColumns rows of x.
template <typename Block, int kRows, int kColumns>
class Tile {
 public:
  Tile(const Dot& d, Ints lane_group, int group_shift)
      : d_(d), lane_group_(lane_group), group_shift_(group_shift) {}

  void run(int64_t row) {
    row_ = row;
    for (auto& of_row : total_) {
      for (Floats& total : of_row) total = Floats{};
    }
    const int64_t whole = d_.row_words / Block::kBlockWords;
    for (int64_t b = 0; b < whole; ++b) block(b, b * Block::kBlockWords, 0);
    if (whole < d_.blocks) {
      block(whole, whole * Block::kBlockWords, d_.row_words - whole * Block::kBlockWords);
    }
    if (d_.biases != nullptr) add_biases();
    for (int r = 0; r < kRows; ++r) {
      for (int c = 0; c < kColumns; ++c) {
        if (c < d_.columns && row_ + r < d_.rows) {
          d_.out[c * d_.out_stride + row_ + r] = sum_of(total_[r][c]);
        }
      }
    }
  }

 private:
  // Behind the last row comes the last row again.
  int64_t row(int r) const { return row_ + r < d_.rows ? row_ + r : d_.rows - 1; }

  // `rest`: words of a block that is not whole.
  inline void block(int64_t b, int64_t word, int64_t rest) {
    const int64_t first_group = (b * Block::kSteps * kLanes) >> group_shift_;
    for (int r = 0; r < kRows; ++r) {
      const uint32_t* words = d_.words + row(r) * d_.row_words + word;
      uint32_t padded[Block::kBlockWords];
      if (rest > 0) {
        for (int i = 0; i < Block::kBlockWords; ++i) padded[i] = i < rest ? words[i] : 0;
        words = padded;
      }
      const Block codes(words);
      Floats part[kColumns] = {};
#pragma GCC unroll 32
      for (int s = 0; s < Block::kSteps; ++s) {
        const Floats code = codes.step(s);
        for (int c = 0; c < kColumns; ++c) {
          const int64_t at = (c * d_.blocks + b) * Block::kSteps + s;
          part[c] = multiply_add(code, load<Floats>(d_.x + at * kLanes), part[c]);
        }
      }
      const float* scales = d_.scales + row(r) * d_.groups + first_group;
      const Floats scale = __builtin_shuffle(load<Floats>(scales), lane_group_);
      for (int c = 0; c < kColumns; ++c) total_[r][c] = multiply_add(part[c], scale, total_[r][c]);
    }
  }

  void add_biases() {
    for (int64_t g = 0; g < d_.groups; g += kLanes) {
      for (int r = 0; r < kRows; ++r) {
        const Floats bias = load<Floats>(d_.biases + row(r) * d_.groups + g);
        for (int c = 0; c < kColumns; ++c) {
          const Floats sums = load<Floats>(d_.sums + c * d_.groups + g);
          total_[r][c] = multiply_add(bias, sums, total_[r][c]);
        }
      }
    }
  }

  const Dot& d_;
  Ints lane_group_;
  int group_shift_;
  int64_t row_ = 0;
  Floats total_[kRows][kColumns];
};

template <typename Block, int kRows, int kColumns>
void dot(const Dot& d) {
  // Groups are powers of two.
  const int group_shift = __builtin_ctzll(static_cast<uint64_t>(d.group));
  Ints lane_group{};
  for (int l = 0; Block::kIsInterleaved && l < kLanes; ++l) {
    lane_group[l] = (l * Block::kSteps) >> group_shift;
  }
  Tile<Block, kRows, kColumns> tile(d, lane_group, group_shift);
  for (int64_t row = 0; row < d.rows; row += kRows) tile.run(row);
}

template <typename Block>
constexpr CodeLoops code_loops() {
  return {{kLanes, Block::kSteps, Block::kIsInterleaved},
          Block::decode,
          dot<Block, 1, 1>,
          dot<Block, 1, static_cast<int>(kDotColumns)>};
}

void scale_groups(float* x, const float* factors, const float* terms, int64_t groups,
                  int64_t group) {
  for (int64_t g = 0; g < groups; ++g, x += group) {
    const float factor = factors[g];
    if (terms == nullptr) {
      for (int64_t i = 0; i < group; ++i) x[i] *= factor;
    } else {
      const float term = terms[g];
      for (int64_t i = 0; i < group; ++i) x[i] = x[i] * factor + term;
    }
  }
}

void add_groups(float* x, const float* terms, int64_t groups, int64_t group) {
  for (int64_t g = 0; g < groups; ++g, x += group) {
    const float term = terms[g];
    for (int64_t i = 0; i < group; ++i) x[i] += term;
  }
}

float largest(const float* x, int64_t count) {
  float top = 0;
  for (int64_t i = 0; i < count; ++i) {
    const float a = __builtin_fabsf(x[i]);
    top = a > top ? a : top;
  }
  return top;
}

/// Scale and bias that quantize a group, in full precision.
struct Affine {
  float scale, bias;
};

// Chooses the scale so that the element of largest magnitude is a whole number of steps from 0.
Affine affine_of(float low, float high, int bits) {
  const auto most = static_cast<float>((1 << bits) - 1);
  const float range = (high - low) / most;
  const float step = range > 1e-7f ? range : 1e-7f;
  if (bits == 1) return {step, low};
  const bool low_is_edge = __builtin_fabsf(low) > __builtin_fabsf(high);
  const float edge = low_is_edge ? low : high;
  const float scale = low_is_edge ? step : -step;
  const float steps = __builtin_rintf(edge / scale);
  return steps != 0 ? Affine{edge / steps, edge} : Affine{scale, 0};
}

void quantize_affine(uint8_t* codes, float* scale, float* bias, const float* x, int64_t group,
                     int bits) {
  constexpr float kInf = __builtin_inff();
  float low = kInf, high = -kInf;
  for (int64_t i = 0; i < group; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  const Affine affine = affine_of(low, high, bits);
  const auto most = static_cast<float>((1 << bits) - 1);
  for (int64_t i = 0; i < group; ++i) {
    float code = __builtin_rintf((x[i] - affine.bias) / affine.scale);
    code = code > 0 ? code : 0;  // NaN too
    code = code < most ? code : most;
    codes[i] = static_cast<uint8_t>(static_cast<int32_t>(code));
  }
  *scale = affine.scale;
  *bias = affine.bias;
}

void encode_e2m1(uint8_t* codes, const float* x, int64_t count) {
  for (int64_t i = 0; i < count; ++i) codes[i] = to_e2m1(x[i]);
}

void encode_e4m3(uint8_t* codes, const float* x, int64_t count) {
  for (int64_t i = 0; i < count; ++i) codes[i] = to_e4m3(x[i]);
}

}  // namespace

constinit const QuantizedLoops MLX_QUANTIZED_LOOPS = {
    {code_loops<Stream<1>>(), code_loops<Stream<2>>(), code_loops<Stream<3>>(),
     code_loops<Interleaved<Unsigned<4>>>(), code_loops<Stream<5>>(), code_loops<Stream<6>>(),
     code_loops<Interleaved<Unsigned<8>>>(), code_loops<Interleaved<E2m1>>(),
     code_loops<Interleaved<E4m3>>()},
    scale_groups,
    add_groups,
    quantize_affine,
    largest,
    encode_e2m1,
    encode_e4m3};

}  // namespace mlx::core::cpu
