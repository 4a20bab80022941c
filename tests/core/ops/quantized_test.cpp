// Quantization against tests/golden/golden.json, and against plain loops over bits and elements.

#include "mlx/core/ops/quantized.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "core/elements.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"

using namespace mlx::core;
using namespace mlx::test;

namespace {

struct Format {
  std::string mode;
  int group, bits;
};

void PrintTo(const Format& f, std::ostream* os) {
  *os << f.mode << " group " << f.group << ", " << f.bits << " bits";
}

std::vector<Format> formats() {
  std::vector<Format> out{{"mxfp4", 32, 4}, {"mxfp8", 32, 8}, {"nvfp4", 16, 4}};
  for (int group : {32, 64, 128}) {
    for (int bits : {1, 2, 3, 4, 5, 6, 8}) out.push_back({"affine", group, bits});
  }
  return out;
}

const std::vector<Dtype> kWeightDtypes{float32, float16, bfloat16};

std::vector<double> noise(size_t count, unsigned seed = 1) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal;
  std::vector<double> out(count);
  for (double& x : out) x = normal(engine);
  return out;
}

array random_array(const Shape& shape, Dtype dtype, unsigned seed = 1) {
  size_t count = 1;
  for (ShapeElem n : shape) count *= static_cast<size_t>(n);
  return make(noise(count, seed), shape, dtype);
}

/// A quantized matrix, and its elements in float32.
struct Packed {
  Format format;
  array w, scales;
  std::optional<array> biases;

  array elements() const {
    const auto wide = [](const array& x) { return x.dtype() == uint8 ? x : astype(x, float32); };
    return dequantize(w, wide(scales), biases ? std::optional(wide(*biases)) : std::nullopt,
                      format.group, format.bits, format.mode, std::nullopt, float32);
  }
  array times(const array& x, bool transpose) const {
    return quantized_matmul(x, w, scales, biases, transpose, format.group, format.bits,
                            format.mode);
  }
};

Packed packed(const array& matrix, const Format& f) {
  const auto parts = quantize(matrix, f.group, f.bits, f.mode);
  return {f, parts[0], parts[1], parts.size() > 2 ? std::optional(parts[2]) : std::nullopt};
}

/// Code number i of the row `row` by its bits.
uint32_t code_at(const std::vector<double>& words, int64_t row_words, int64_t row, int64_t i,
                 int bits) {
  uint32_t code = 0;
  for (int b = 0; b < bits; ++b) {
    const int64_t bit = i * bits + b;
    const auto word = static_cast<uint32_t>(words[static_cast<size_t>(row * row_words + bit / 32)]);
    code |= (word >> (bit % 32) & 1u) << b;
  }
  return code;
}

// ---- golden values

const nlohmann::json& golden() {
  static const nlohmann::json rows = [] {
    std::ifstream file(MLX_GOLDEN_DIR "/golden.json");
    return nlohmann::json::parse(file).at("quantize");
  }();
  return rows;
}

std::vector<double> flat(const nlohmann::json& lists) {
  std::vector<double> out;
  for (const auto& x : lists) {
    if (x.is_array()) {
      for (double v : flat(x)) out.push_back(v);
    } else {
      out.push_back(x.is_string() ? std::stoul(x.get<std::string>(), nullptr, 16)
                                  : x.get<double>());
    }
  }
  return out;
}

void expect_golden(const nlohmann::json& row, const std::vector<array>& parts) {
  const char* kNames[] = {"wq_hex", "scales", "biases"};
  for (size_t i = 0; i < parts.size(); ++i) {
    ASSERT_TRUE(row.contains(kNames[i]));
    EXPECT_EQ(values(parts[i]), flat(row.at(kNames[i]))) << kNames[i];
  }
}

// The matrix of most rows: arange(64) / 10 - 3.
array golden_matrix() { return reshape(arange(64) / array(10.0f) - array(3.0f), {1, 64}); }

TEST(QuantizeGolden, Affine) {
  for (int bits : {2, 3, 4, 5, 6, 8}) {
    const auto& row =
        golden().at("affine_gs32_bits" + std::to_string(bits) + " of (arange(64)/10-3)");
    const auto parts = quantize(golden_matrix(), 32, bits);
    expect_golden(row, parts);
    auto back = values(dequantize(parts[0], parts[1], parts[2], 32, bits));
    back.resize(8);
    EXPECT_EQ(back, flat(row.at("dequant_first8")));
  }
}

TEST(QuantizeGolden, FloatingPointModes) {
  for (const char* mode : {"mxfp4", "mxfp8", "nvfp4"}) {
    const auto& row = golden().at(mode);
    const auto parts = quantize(golden_matrix(), {}, {}, mode);
    ASSERT_EQ(parts.size(), row.at("n_outputs").get<size_t>());
    expect_golden(row, parts);
    const array back = dequantize(parts[0], parts[1], {}, {}, {}, mode);
    EXPECT_EQ(back.dtype(), bfloat16);
    auto first = values(back);
    first.resize(8);
    EXPECT_EQ(first, flat(row.at("dequant_first8")));
  }
}

TEST(QuantizeGolden, GlobalScale) {
  expect_golden(golden().at("nvfp4 global_scale=3.3"),
                quantize(golden_matrix(), {}, {}, "nvfp4", array(3.3f)));
}

TEST(QuantizeGolden, GroupsOfOneValueAndEdges) {
  const array ones = full({1, 32}, 1.0f);
  const array matrix = concatenate({zeros({1, 32}), ones, ones * array(-2.0f)}, 0);
  const auto parts = quantize(matrix, 32, 4);
  const auto& row = golden().at("affine4 edge rows zeros/ones/-2s/.5..-1");
  for (const auto& [part, name] : {std::pair{parts[1], "scales"}, std::pair{parts[2], "biases"}}) {
    auto expected = flat(row.at(name));
    expected.resize(3);
    EXPECT_EQ(values(part), expected) << name;
  }
  EXPECT_EQ(values(sum(parts[0])), std::vector<double>{0});
}

// ---- layout and values

class EveryFormat : public testing::TestWithParam<Format> {};

// Code times scale plus bias, with the roundings of the dtype.
TEST_P(EveryFormat, ElementsAreAtTheirBits) {
  const Format f = GetParam();
  const ShapeElem k = 3 * f.group;
  for (Dtype dtype : kWeightDtypes) {
    const array w = random_array({5, k}, dtype);
    const Packed p = packed(w, f);
    ASSERT_EQ(p.w.shape(), (Shape{5, k * f.bits / 32}));
    ASSERT_EQ(p.scales.dtype(), p.biases ? dtype : uint8);
    if (!p.biases) continue;
    const auto words = values(p.w), scales = values(p.scales), biases = values(*p.biases);
    std::vector<double> expected;
    for (int64_t i = 0; i < 5 * k; ++i) {
      const uint32_t code = code_at(words, p.w.shape(-1), i / k, i % k, f.bits);
      const auto group = static_cast<size_t>(i / f.group);
      expected.push_back(code);
      expected.back() = values(make({expected.back() * scales[group]}, dtype))[0];
      expected.back() = values(make({expected.back() + biases[group]}, dtype))[0];
    }
    EXPECT_EQ(values(dequantize(p.w, p.scales, p.biases, f.group, f.bits)), expected);
  }
}

// Every element is within half a step of its own, whatever the dtype.
TEST_P(EveryFormat, QuantizesToTheNearest) {
  const Format f = GetParam();
  const ShapeElem k = 2 * f.group;
  for (Dtype dtype : kWeightDtypes) {
    const array w = random_array({7, k}, dtype, 3);
    const Packed p = packed(w, f);
    const auto x = values(w), y = values(p.elements());
    for (size_t i = 0; i < x.size(); i += static_cast<size_t>(f.group)) {
      double low = 0, high = 0, largest = 0, off = 0;
      for (size_t j = i; j < i + static_cast<size_t>(f.group); ++j) {
        low = j == i ? x[j] : std::min(low, x[j]);
        high = j == i ? x[j] : std::max(high, x[j]);
        largest = std::max(largest, std::fabs(x[j]));
        off = std::max(off, std::fabs(x[j] - y[j]));
      }
      // The scale of an affine group is up to a factor off so that the edge is exact; the steps
      // of e2m1 are 2 of 6 at the top, of e4m3 32 of 448, and a scale is a power of two or e4m3.
      const double step = (high - low) / ((1 << f.bits) - 1);
      const double bound = f.mode == "affine" ? (f.bits > 2 ? 1.1 : 2) * step
                           : f.bits == 8      ? 0.3 * largest
                                              : 0.35 * largest;
      EXPECT_LE(off, bound + largest * epsilon(dtype) * (f.mode == "affine" ? 256 : 1))
          << "group from " << i;
    }
  }
}

// sum of x[i][k] w[j][k] in float64, and of its magnitudes.
struct Sums {
  std::vector<double> sum, magnitude;
};

Sums product(const std::vector<double>& x, const std::vector<double>& w, int64_t m, int64_t k,
             int64_t n, bool transpose) {
  Sums out;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0, magnitude = 0;
      for (int64_t c = 0; c < k; ++c) {
        const double term = x[static_cast<size_t>(i * k + c)] *
                            w[static_cast<size_t>(transpose ? j * k + c : c * n + j)];
        sum += term;
        magnitude += std::fabs(term);
      }
      out.sum.push_back(sum);
      out.magnitude.push_back(magnitude);
    }
  }
  return out;
}

// Within the rounding of products in the dtype.
void expect_product(const array& got, const Sums& want, const char* what) {
  const auto y = values(got);
  ASSERT_EQ(y.size(), want.sum.size()) << what;
  const double inputs = got.dtype() == bfloat16 ? epsilon(bfloat16) : 16 * epsilon(float32);
  for (size_t i = 0; i < y.size(); ++i) {
    ASSERT_NEAR(y[i], want.sum[i],
                std::fabs(want.sum[i]) * epsilon(got.dtype()) + want.magnitude[i] * inputs + 1e-7)
        << what << ", element " << i;
  }
}

TEST_P(EveryFormat, ProductsAreThoseOfTheElements) {
  const Format f = GetParam();
  const ShapeElem rows = 2 * f.group + 5, columns = 3 * f.group;
  for (Dtype dtype : kWeightDtypes) {
    const Packed p = packed(random_array({rows, columns}, dtype, 5), f);
    const auto w = values(p.elements());
    for (bool transpose : {true, false}) {
      for (ShapeElem m : {1, 3, 6, 37}) {
        const ShapeElem k = transpose ? columns : rows, n = transpose ? rows : columns;
        const array x = random_array({m, k}, dtype, 7);
        const array y = p.times(x, transpose);
        ASSERT_EQ(y.shape(), (Shape{m, n}));
        ASSERT_EQ(y.dtype(), dtype);
        expect_product(y, product(values(x), w, m, k, n, transpose), transpose ? "x w^T" : "x w");
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Quantized, EveryFormat, testing::ValuesIn(formats()),
                         [](const auto& info) {
                           return info.param.mode + "Group" + std::to_string(info.param.group) +
                                  "Bits" + std::to_string(info.param.bits);
                         });

TEST(Quantize, InfinitiesSaturateAndNanIsNoExtreme) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  std::vector<float> row(32, 1.0f);
  row[3] = kInf;
  row[5] = -kInf;
  const array w(row.data(), {1, 32});
  for (const char* mode : {"mxfp4", "mxfp8"}) {
    const auto parts = quantize(w, {}, {}, mode);
    const auto back = values(dequantize(parts[0], parts[1], {}, {}, {}, mode, {}, float32));
    EXPECT_EQ(back[3], kInf) << mode;
    EXPECT_EQ(back[5], -kInf) << mode;
    EXPECT_EQ(back[0], 0) << mode;
  }
  row[3] = row[5] = std::numeric_limits<float>::quiet_NaN();
  const auto parts = quantize(array(row.data(), {1, 32}), 32, 4);
  const auto back = values(dequantize(parts[0], parts[1], parts[2], 32, 4));
  EXPECT_EQ(back[0], 1);
}

TEST(Quantize, ReadsAnyLayoutAndBatch) {
  const array w = random_array({2, 64, 3}, float32);
  const array view = swapaxes(w, 1, 2);
  const auto parts = quantize(view, 32, 4), expected = quantize(contiguous(view), 32, 4);
  for (size_t i = 0; i < parts.size(); ++i) EXPECT_EQ(values(parts[i]), values(expected[i]));
  const array reversed = slice(parts[0], {0, 2, 0}, {2, -4, 8}, {1, -1, 1});
  const auto flipped = [](const array& x) { return slice(x, {0, 2, 0}, {2, -4, 2}, {1, -1, 1}); };
  EXPECT_EQ(values(dequantize(reversed, flipped(parts[1]), flipped(parts[2]), 32, 4)),
            values(slice(dequantize(parts[0], parts[1], parts[2], 32, 4), {0, 2, 0}, {2, -4, 64},
                         {1, -1, 1})));
}

TEST(Quantize, NothingToQuantize) {
  for (const Shape& shape : {Shape{0, 64}, Shape{3, 0}}) {
    const auto parts = quantize(zeros(shape));
    const array back = dequantize(parts[0], parts[1], parts[2]);
    EXPECT_EQ(back.shape(), shape);
    EXPECT_TRUE(values(back).empty());
    EXPECT_EQ(values(quantized_matmul(ones({2, shape[1]}), parts[0], parts[1], parts[2])),
              std::vector<double>(static_cast<size_t>(2 * shape[0]), 0));
  }
}

TEST(Dequantize, DtypesAreTheScalesOrAsAsked) {
  const Packed p = packed(random_array({2, 64}, float32), {"affine", 64, 4});
  const array half = astype(p.scales, float16);
  EXPECT_EQ(dequantize(p.w, half, astype(*p.biases, float16)).dtype(), float16);
  EXPECT_EQ(dequantize(p.w, half, astype(*p.biases, bfloat16)).dtype(), float32);
  const array wide = dequantize(p.w, astype(p.scales, float64), astype(*p.biases, float64));
  EXPECT_EQ(wide.dtype(), float64);
  const auto close = values(wide), narrow = values(dequantize(p.w, p.scales, p.biases));
  for (size_t i = 0; i < close.size(); ++i) EXPECT_NEAR(close[i], narrow[i], 1e-6);
  const auto q = quantize(ones({2, 32}), {}, {}, "nvfp4", array(1.0f));
  EXPECT_EQ(dequantize(q[0], q[1], {}, {}, {}, "nvfp4", array(1.0f)).dtype(), float32);
  EXPECT_EQ(values(dequantize(q[0], q[1], {}, {}, {}, "nvfp4", array(1.0f), float64)),
            std::vector<double>(64, 1.0));
}

// ---- batches

TEST(QuantizedMatmul, BatchAxesBroadcast) {
  const Packed p = packed(random_array({3, 20, 64}, float32), {"affine", 32, 4});
  const array w = swapaxes(p.elements(), -1, -2);
  for (const Shape& shape : {Shape{64}, Shape{5, 64}, Shape{2, 1, 2, 64}, Shape{3, 40, 64}}) {
    const array x = random_array(shape, float32, 9);
    EXPECT_TRUE(allclose(p.times(x, true), matmul(x, w), 1e-5, 1e-5).item<bool>());
  }
  const Packed one = packed(random_array({20, 64}, float32), {"affine", 32, 4});
  const array x = swapaxes(random_array({64, 3, 2}, float32, 9), 0, 2);
  EXPECT_TRUE(allclose(one.times(x, true), matmul(x, swapaxes(one.elements(), 0, 1)), 1e-5, 1e-5)
                  .item<bool>());
}

TEST(QuantizedMatmul, InputsOfAnyMagnitude) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  for (int bits : {4, 8}) {
    const Packed p = packed(random_array({20, 64}, float32), {"affine", 32, bits});
    for (int rows : {1, 20}) {
      const array x = random_array({rows, 64}, float32, 9);
      const auto y = values(p.times(x, true));
      for (float factor : {0x1p-110f, 0x1p-90f, 0x1p+100f}) {
        const auto scaled = values(p.times(x * array(factor), true) / array(factor));
        for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(scaled[i], y[i], 1e-4) << factor;
      }
      EXPECT_EQ(values(p.times(zeros({rows, 64}), true)), std::vector<double>(y.size(), 0));
      for (float bad : {kInf, std::numeric_limits<float>::quiet_NaN()}) {
        const array spoiled = where(arange(64) == array(40), array(bad), x);
        for (double v : values(p.times(spoiled, true))) EXPECT_FALSE(std::isfinite(v));
      }
    }
  }
}

TEST(QuantizedMatmul, ProductsLargerThanABlock) {
  for (Dtype dtype : kWeightDtypes) {
    for (int bits : {3, 4, 8}) {
      const ShapeElem m = 530, n = 300, k = 1152;
      const Packed p = packed(random_array({n, k}, dtype, 5), {"affine", 128, bits});
      const array x = random_array({m, k}, dtype, 7);
      const array rows = slice(x, {400, 0}, {m, k}, {1, 1});
      const auto want = product(values(rows), values(p.elements()), m - 400, k, n, true);
      expect_product(slice(p.times(x, true), {400, 0}, {m, n}, {1, 1}), want, "many rows");
      expect_product(p.times(rows, true), want, "the last of them");
      const Packed tall = packed(random_array({700, k}, dtype, 3), {"affine", 128, bits});
      const array few = random_array({6, 700}, dtype, 9);
      expect_product(tall.times(few, false),
                     product(values(few), values(tall.elements()), 6, 700, k, false), "x w");
    }
  }
}

TEST(GatherQmm, MultipliesTheMatricesThatTheIndicesName) {
  const Packed p = packed(random_array({4, 32, 64}, float32), {"affine", 32, 4});
  const array lhs({0, 2, 2, 1, 0, -1}, {3, 2}), rhs({3, 3, 1, 0, 0, -2}, {3, 2});
  for (const auto& [rows, transpose] :
       {std::pair{1, true}, std::pair{30, true}, std::pair{2, false}}) {
    const array x = random_array({3, rows, transpose ? 64 : 32}, float32, 4);
    const array w = transpose ? swapaxes(p.elements(), -1, -2) : p.elements();
    const array got = gather_qmm(x, p.w, p.scales, p.biases, lhs, rhs, transpose, 32, 4);
    const array wrapped = where(rhs < array(0), rhs + array(4), rhs);
    const array rows_of_x = take(x, where(lhs < array(0), lhs + array(3), lhs), 0);
    EXPECT_TRUE(allclose(got, matmul(rows_of_x, take(w, wrapped, 0)), 1e-5, 1e-5).item<bool>());
  }
}

TEST(GatherQmm, WithoutIndicesTakesAllInOrder) {
  const Packed p = packed(random_array({4, 32, 64}, float32), {"affine", 32, 4});
  const array x = random_array({4, 2, 64}, float32, 4);
  const auto call = [&](std::optional<array> lhs, std::optional<array> rhs) {
    return values(gather_qmm(x, p.w, p.scales, p.biases, lhs, rhs, true, 32, 4));
  };
  const array order({0, 1, 2, 3}, uint32);
  EXPECT_EQ(call({}, {}), values(p.times(x, true)));
  EXPECT_EQ(call(order, {}), values(p.times(x, true)));
  EXPECT_EQ(call({}, order), values(p.times(x, true)));
}

TEST(GatherQmm, IndexThatIsNotThereIsAnError) {
  const Packed p = packed(random_array({4, 32, 64}, float32), {"affine", 32, 4});
  array y = gather_qmm(ones({2, 1, 64}), p.w, p.scales, p.biases, array({0, 2}, uint32),
                       array({0, 1}, uint32), true, 32, 4);
  EXPECT_THROW(y.eval(), std::out_of_range);
}

// ---- both sides quantized

array round_trip(const array& x, const std::string& mode, std::optional<array> global) {
  const auto parts = quantize(x, {}, {}, mode, global);
  return dequantize(parts[0], parts[1], {}, {}, {}, mode, global, float32);
}

TEST(Qqmm, IsTheProductOfBothQuantized) {
  const std::optional<array> none, global_x(array(3.5f)), global_w(array(4.0f));
  for (const auto& [mode, gx, gw] :
       {std::tuple{"mxfp4", none, none}, std::tuple{"mxfp8", none, none},
        std::tuple{"nvfp4", none, none}, std::tuple{"nvfp4", global_x, global_w}}) {
    const array x = random_array({5, 64}, float32, 2), w = random_array({24, 64}, float32, 3);
    const array expected = matmul(round_trip(x, mode, gx), transpose(round_trip(w, mode, gw)));
    const auto parts = quantize(w, {}, {}, mode, gw);
    for (const array& y : {qqmm(x, w, {}, {}, {}, mode, gx, gw),
                           qqmm(x, parts[0], parts[1], {}, {}, mode, gx, gw)}) {
      EXPECT_TRUE(allclose(y, expected, 1e-5, 1e-5).item<bool>()) << mode;
    }
    EXPECT_EQ(qqmm(astype(x, float16), w, {}, {}, {}, mode, gx, gw).dtype(), float16);
    const array xs = stack({x, x + array(1.0f)}), ws = stack({w, w * array(0.5f), w});
    const array lhs({1, 0}, uint32), rhs({2, 1}, uint32);
    const array both = matmul(take(round_trip(xs, mode, gx), lhs, 0),
                              swapaxes(take(round_trip(ws, mode, gw), rhs, 0), 1, 2));
    const auto packs = quantize(ws, {}, {}, mode, gw);
    for (const array& y : {gather_qqmm(xs, ws, {}, lhs, rhs, {}, {}, mode, gx, gw),
                           gather_qqmm(xs, packs[0], packs[1], lhs, rhs, {}, {}, mode, gx, gw)}) {
      EXPECT_TRUE(allclose(y, both, 1e-5, 1e-5).item<bool>()) << mode;
    }
  }
}

TEST(Qqmm, GradientIgnoresTheRounding) {
  const array x = random_array({3, 32}, float32, 2), w = random_array({4, 32}, float32, 3);
  const auto total = [](const std::vector<array>& in) {
    return sum(qqmm(in[0], in[1], {}, {}, {}, "mxfp8"));
  };
  const auto grads = grad(total, std::vector<int>{0, 1})({x, w});
  const array of_x = broadcast_to(sum(round_trip(w, "mxfp8", {}), 0), {3, 32});
  EXPECT_TRUE(allclose(grads[0], of_x, 1e-5, 1e-5).item<bool>());
  const array of_w = broadcast_to(sum(round_trip(x, "mxfp8", {}), 0), {4, 32});
  EXPECT_TRUE(allclose(grads[1], of_w, 1e-5, 1e-5).item<bool>());
}

TEST(Quantize, GradientOfTheScaleFollowsTheEdge) {
  const array w = random_array({1, 32}, float32, 2);
  const auto scale = [](const array& x) { return sum(quantize(x, 32, 4)[1]); };
  const auto g = values(grad(scale)(w));
  const auto x = values(w);
  size_t edge = 0;
  for (size_t i = 0; i < x.size(); ++i) edge = std::fabs(x[i]) > std::fabs(x[edge]) ? i : edge;
  const double steps = std::rint(x[edge] / values(quantize(w, 32, 4)[1])[0]);
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(g[i], i == edge ? 1 / steps : 0, 1e-6);
}

// ---- e4m3

TEST(Fp8, CodesAndValuesCorrespond) {
  const auto decoded = values(from_fp8(astype(arange(256), uint8), float32));
  for (int code = 0; code < 256; ++code) {
    const int exponent = code >> 3 & 15, fraction = code & 7;
    const double magnitude =
        exponent == 0 ? std::ldexp(fraction, -9) : std::ldexp(8 + fraction, exponent - 10);
    const double x = decoded[static_cast<size_t>(code)];
    if ((code & 0x7F) == 0x7F) {
      EXPECT_TRUE(std::isnan(x));
      continue;
    }
    EXPECT_EQ(x, code < 128 ? magnitude : -magnitude) << code;
    EXPECT_EQ(values(to_fp8(array(static_cast<float>(x))))[0], code);
  }
}

TEST(Fp8, RoundsToEvenAndSaturates) {
  const float kInf = std::numeric_limits<float>::infinity();
  const array x({1.0625f, 1.1875f, 0x1p-10f, 0x1.8p-9f, 448.0f, 1e9f, kInf, -kInf, -0.0f});
  EXPECT_EQ(values(to_fp8(x)), (std::vector<double>{56, 58, 0, 2, 126, 126, 126, 254, 128}));
  EXPECT_EQ(values(to_fp8(astype(x, float64))), values(to_fp8(x)));
}

// ---- errors

struct BadCall {
  const char* name;
  std::function<array()> call;
  const char* message;
};

void PrintTo(const BadCall& c, std::ostream* os) { *os << c.name; }

class QuantizedErrors : public testing::TestWithParam<BadCall> {};

TEST_P(QuantizedErrors, SaysWhatIsWrong) {
  try {
    GetParam().call();
    FAIL() << "no error";
  } catch (const std::invalid_argument& e) {
    EXPECT_NE(std::string(e.what()).find(GetParam().message), std::string::npos) << e.what();
  }
}

std::vector<BadCall> bad_calls() {
  const array w = ones({4, 64}), x = ones({2, 64});
  const Packed p = packed(w, {"affine", 64, 4}), f = packed(w, {"mxfp8", 32, 8});
  const array g(1.0f), index({0}, uint32);
  return {
      {"Mode", [=] { return quantize(w, {}, {}, "foo")[0]; }, "[quantize] Unknown"},
      {"Bits", [=] { return quantize(w, 64, 7)[0]; }, "[quantize] Bits"},
      {"Group", [=] { return quantize(w, 16)[0]; }, "[quantize] Group size"},
      {"GroupOfMode", [=] { return quantize(w, 64, {}, "mxfp4")[0]; }, "Group size of mxfp4"},
      {"BitsOfMode", [=] { return quantize(w, {}, 8, "nvfp4")[0]; }, "Bits of nvfp4"},
      {"Vector", [=] { return quantize(ones({64}))[0]; }, "[quantize] Got 1 axes"},
      {"Indivisible",
       [=] {
         return quantize(ones({1, 30}))[0];
       },
       "[quantize] Last axis"},
      {"Integers", [=] { return quantize(astype(w, int32))[0]; }, "[quantize] Dtype"},
      {"Float64", [=] { return quantize(astype(w, float64))[0]; }, "[quantize] Dtype"},
      {"GlobalOfAffine", [=] { return quantize(w, {}, {}, "affine", g)[0]; }, "global scale"},
      {"GlobalShape", [=] { return quantize(w, {}, {}, "nvfp4", ones({2}))[0]; }, "Global scale"},
      {"GlobalDtype", [=] { return quantize(w, {}, {}, "nvfp4", array(1.0f, float16))[0]; },
       "global scale"},
      {"NoBiases", [=] { return dequantize(p.w, p.scales); }, "[dequantize] Biases"},
      {"BiasesOfMx", [=] { return dequantize(f.w, f.scales, f.scales, {}, {}, "mxfp8"); },
       "[dequantize] Biases"},
      {"PackedDtype", [=] { return dequantize(astype(p.w, int32), p.scales, p.biases); },
       "Dtype of the packed matrix"},
      {"PackedVector", [=] { return dequantize(index, index, index); }, "Packed matrix"},
      {"ScalesShape", [=] { return dequantize(p.w, p.scales, p.biases, 32); }, "Scales"},
      {"BiasesShape",
       [=] {
         return dequantize(p.w, p.scales, ones({4, 2}));
       },
       "Biases"},
      {"ScalesDtype",
       [=] { return dequantize(p.w, astype(p.scales, int32), astype(*p.biases, int32)); },
       "Dtype of scales and biases"},
      {"MxScalesDtype",
       [=] { return dequantize(f.w, astype(f.scales, float32), {}, {}, {}, "mxfp8"); },
       "Dtype of the scales"},
      {"OutputDtype",
       [=] { return dequantize(p.w, p.scales, p.biases, {}, {}, "affine", {}, int32); },
       "[dequantize] Dtype"},
      {"Inner",
       [=] {
         return p.times(ones({2, 32}), true);
       },
       "[quantized_matmul] Inner sizes"},
      {"InnerNotTransposed", [=] { return p.times(x, false); }, "Inner sizes"},
      {"ScalarX", [=] { return p.times(g, true); }, "scalar"},
      {"ComplexX", [=] { return p.times(astype(x, complex64), true); }, "Dtype"},
      {"WideX", [=] { return p.times(astype(x, float64), true); }, "Dtype"},
      {"IntegerXOfMx", [=] { return f.times(astype(x, int32), true); }, "Dtype"},
      {"Batches",
       [=] {
         const Packed many = packed(ones({3, 4, 64}), {"affine", 64, 4});
         return many.times(ones({2, 2, 64}), true);
       },
       "broadcast"},
      {"IndexDtype", [=] { return gather_qmm(x, p.w, p.scales, p.biases, g); },
       "[gather_qmm] Dtype"},
      {"GatherVector", [=] { return gather_qmm(ones({64}), p.w, p.scales, p.biases, index); },
       "[gather_qmm]"},
      {"QqmmAffine", [=] { return qqmm(x, w, {}, {}, {}, "affine"); }, "[qqmm] Mode"},
      {"QqmmBatch",
       [=] {
         return qqmm(x, ones({1, 4, 64}));
       },
       "[qqmm] w"},
      {"QqmmInner",
       [=] {
         return qqmm(ones({2, 32}), w);
       },
       "[qqmm] Inner sizes"},
      {"QqmmOneGlobal", [=] { return qqmm(x, w, {}, {}, {}, "nvfp4", g); }, "Global scales"},
      {"QqmmIntegers", [=] { return qqmm(astype(x, int32), w); }, "[qqmm] Dtype of x"},
      {"QqmmNoScales", [=] { return qqmm(x, f.w, {}, {}, {}, "mxfp8"); }, "without scales"},
      {"GatherQqmmAffine", [=] { return gather_qqmm(x, w, {}, {}, {}, {}, {}, "affine"); },
       "[gather_qqmm] Mode"},
      {"ToFp8", [=] { return to_fp8(index); }, "[to_fp8] Dtype"},
      {"FromFp8", [=] { return from_fp8(g, float32); }, "[from_fp8] Dtype of the input"},
      {"FromFp8Dtype", [=] { return from_fp8(astype(index, uint8), int32); }, "[from_fp8] Dtype"},
  };
}

INSTANTIATE_TEST_SUITE_P(Quantized, QuantizedErrors, testing::ValuesIn(bad_calls()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
