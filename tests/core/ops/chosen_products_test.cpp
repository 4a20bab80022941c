// gather_mm, block_masked_mm and segmented_mm against loops over elements.

#include <gtest/gtest.h>

#include <cmath>

#include "core/elements.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace {

using test::epsilon;
using test::kFloats;
using test::kNan;
using test::quarters;
using test::values;
using Doubles = std::vector<double>;

// The same elements: as they are, transposed in memory, and with gaps.
std::vector<array> memory_orders(const array& x) {
  const array turned = swapaxes(contiguous(swapaxes(x, -1, -2)), -1, -2);
  Shape step(x.ndim(), 1);
  step.back() = 2;
  const array wide = repeat(x, 2, -1);
  return {x, turned, slice(wide, Shape(x.ndim(), 0), wide.shape(), step)};
}

std::vector<std::pair<array, array>> layout_pairs(const array& a, const array& b) {
  const std::vector<array> left = memory_orders(a), right = memory_orders(b);
  return {{left[0], right[0]}, {left[0], right[1]}, {left[1], right[0]}, {left[2], right[2]}};
}

// out += a b for row-major matrices.
void add_product(double* out, const double* a, const double* b, int64_t m, int64_t k, int64_t n) {
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t l = 0; l < k; ++l) {
      for (int64_t j = 0; j < n; ++j) out[i * n + j] += a[i * k + l] * b[l * n + j];
    }
  }
}

void expect_product(const array& got, const Doubles& expected, Dtype dtype) {
  ASSERT_EQ(got.dtype(), dtype);
  const Doubles actual = values(got);
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], epsilon(dtype) * std::abs(expected[i]) + 1e-5)
        << "element " << i;
  }
}

template <typename Call>
std::string message_of(Call call) {
  try {
    eval(call());
  } catch (const std::exception& e) {
    return e.what();
  }
  return "nothing thrown";
}

// ---- gather_mm

struct GatherCase {
  const char* name;
  int64_t m, k, n;
  std::vector<int64_t> left, right;
};

void PrintTo(const GatherCase& c, std::ostream* os) { *os << c.name; }

constexpr int64_t kBatch = 4;

std::vector<int64_t> cycle(int64_t count, int64_t step) {
  std::vector<int64_t> out;
  for (int64_t i = 0; i < count; ++i) out.push_back(i * step % kBatch);
  return out;
}

Doubles gathered(const GatherCase& c, const array& a, const array& b) {
  const Doubles x = values(a), y = values(b);
  Doubles out(c.left.size() * static_cast<size_t>(c.m * c.n));
  for (size_t p = 0; p < c.left.size(); ++p) {
    add_product(out.data() + p * static_cast<size_t>(c.m * c.n),
                x.data() + (c.left[p] + kBatch) % kBatch * c.m * c.k,
                y.data() + (c.right[p] + kBatch) % kBatch * c.k * c.n, c.m, c.k, c.n);
  }
  return out;
}

array indices(const std::vector<int64_t>& list) {
  return array(list.data(), {static_cast<ShapeElem>(list.size())}, int64);
}

class GatherMm : public testing::TestWithParam<GatherCase> {};

TEST_P(GatherMm, MultipliesTheChosenMatricesInEveryDtypeAndLayout) {
  const GatherCase& c = GetParam();
  for (Dtype dtype : kFloats) {
    SCOPED_TRACE(dtype_name(dtype));
    const array a = quarters({kBatch, c.m, c.k}, dtype), b = quarters({kBatch, c.k, c.n}, dtype, 5);
    const Doubles expected = gathered(c, a, b);
    for (const auto& [left, right] : layout_pairs(a, b)) {
      expect_product(gather_mm(left, right, indices(c.left), indices(c.right)), expected, dtype);
    }
  }
}

// Sums over pairs in each order: the derivatives are the same operation.
TEST_P(GatherMm, HasTheGradientOfTakingAndMultiplying) {
  const GatherCase& c = GetParam();
  const array a = quarters({kBatch, c.m, c.k}, float64),
              b = quarters({kBatch, c.k, c.n}, float64, 5);
  const array g = quarters({static_cast<ShapeElem>(c.left.size()), c.m, c.n}, float64, 9);
  const array left = indices(c.left), right = indices(c.right);
  const auto cotangents = [&](bool gathers) {
    return vjp(
               [&](const std::vector<array>& in) {
                 const array product = gathers
                                           ? gather_mm(in[0], in[1], left, right)
                                           : matmul(take(in[0], left, 0), take(in[1], right, 0));
                 return std::vector<array>{product};
               },
               {a, b}, {g})
        .second;
  };
  const std::vector<array> got = cotangents(true), expected = cotangents(false);
  for (size_t i : {0, 1}) {
    ASSERT_EQ(got[i].shape(), expected[i].shape());
    expect_product(got[i], values(expected[i]), float64);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, GatherMm,
    testing::Values(GatherCase{"OneRowEach", 1, 6, 5, cycle(9, 1), cycle(9, 3)},
                    GatherCase{"SortedRows", 1, 6, 5, {0, 1, 2, 3, 0}, {0, 0, 1, 3, 3}},
                    GatherCase{"FromTheEnd", 2, 3, 4, {-1, 0, -4}, {-2, -2, 3}},
                    GatherCase{"OneRight", 3, 4, 5, cycle(6, 1), {2, 2, 2, 2, 2, 2}},
                    GatherCase{"OneLeft", 3, 4, 5, {1, 1, 1, 1}, cycle(4, 1)},
                    GatherCase{"ManyRows", 70, 5, 3, {0, 0, 1, 2}, {1, 0, 1, 1}},
                    GatherCase{"LongInner", 2, 90, 3, {0, 0, 3}, {1, 1, 2}},
                    GatherCase{"ManyPairs", 1, 3, 2, cycle(50, 3), cycle(50, 1)},
                    GatherCase{"Large", 4, 80, 130, cycle(10, 1), {0, 3, 3, 3, 3, 3, 0, 0, 1, 1}},
                    GatherCase{"NoPairs", 2, 3, 4, {}, {}},
                    GatherCase{"NoInner", 2, 0, 4, {1}, {2}},
                    GatherCase{"NoRows", 0, 3, 4, {1, 1}, {2, 0}}),
    [](const auto& info) { return info.param.name; });

TEST(GatherMmIndices, BroadcastAndDefaultToEachMatrixOnce) {
  const array a = quarters({2, 2, 3, 4}, float32), b = quarters({3, 4, 5}, float32, 3);
  const array l = array({0, 3}, {2, 1}), r = array({2, 0, 1}, uint8);
  const array both = gather_mm(a, b, l, r);
  ASSERT_EQ(both.shape(), (Shape{2, 3, 3, 5}));
  const array rows = matmul(expand_dims(take(flatten(a, 0, 1), flatten(l), 0), 1), take(b, r, 0));
  EXPECT_EQ(values(both), values(rows));
  EXPECT_EQ(values(gather_mm(a, b, std::nullopt, array(1))), values(matmul(a, take(b, 1, 0))));
  EXPECT_EQ(values(gather_mm(take(a, 0, 0), take(b, array({0, 1}), 0))),
            values(matmul(take(a, 0, 0), take(b, array({0, 1}), 0))));
}

TEST(GatherMmIndices, VectorsAreRowsAndColumns) {
  const array v = quarters({4}, float32), b = quarters({3, 4, 5}, float32, 3);
  const array index({2, 0});
  EXPECT_EQ(gather_mm(v, b, std::nullopt, index).shape(), (Shape{2, 5}));
  EXPECT_EQ(gather_mm(swapaxes(b, -1, -2), v, index).shape(), (Shape{2, 5}));
  EXPECT_EQ(gather_mm(v, v, array({0, 0})).shape(), (Shape{2}));
}

TEST(GatherMmIndices, PromoteTheMatrices) {
  EXPECT_EQ(gather_mm(quarters({1, 2, 2}, float16), quarters({1, 2, 2}, int32), array({0})).dtype(),
            float16);
}

TEST(GatherMmErrors, SayWhatIsWrong) {
  const array a = quarters({2, 3, 4}, float32), b = quarters({5, 4, 6}, float32);
  const auto gather = [&](const array& l, const array& r) { return gather_mm(a, b, l, r); };
  EXPECT_THROW(eval(gather(array({2}), array({0}))), std::out_of_range);
  EXPECT_THROW(eval(gather(array({0}), array({-6}))), std::out_of_range);
  EXPECT_THROW(gather(array({0.0f}), array({0})), std::invalid_argument);
  EXPECT_THROW(gather(array({true}), array({0})), std::invalid_argument);
  EXPECT_THROW(gather(array({0, 1}), array({0, 1, 2})), std::invalid_argument);
  EXPECT_THROW(gather_mm(a, a), std::invalid_argument);
  EXPECT_THROW(gather_mm(array(1.0f), a), std::invalid_argument);
  EXPECT_THROW(gather_mm(astype(a, complex64), b, array({0}), array({0})), std::invalid_argument);
  EXPECT_THROW(gather_mm(astype(a, int32), astype(b, int32)), std::invalid_argument);
  EXPECT_NE(message_of([&] { return gather(array({9}), array({0})); }).find("[gather_mm]"),
            std::string::npos);
}

TEST(GatherMmErrors, OfAnIndexOutsideItsBatchUnderVmap) {
  const array a = quarters({3, 2, 3, 4}, float32), b = quarters({5, 4, 6}, float32);
  const auto product = [&](int index) {
    return vmap([&](const array& x) { return gather_mm(x, b, array({index}), array({0})); })(a);
  };
  EXPECT_EQ(values(product(-2)), values(matmul(take(a, 0, 1), take(b, 0, 0))));
  for (int outside : {2, 3, -3}) EXPECT_THROW(eval(product(outside)), std::out_of_range);
  const auto chosen =
      vmap([&](const array& index) { return gather_mm(swapaxes(b, 1, 2), b, index, index); });
  for (int outside : {5, -6}) {
    EXPECT_THROW(eval(chosen(array({0, outside}, {2, 1}))), std::out_of_range);
  }
}

// ---- block_masked_mm

struct MaskCase {
  const char* name;
  int64_t m, k, n;
  int block;
  bool out, left, right;  // which masks there are
};

void PrintTo(const MaskCase& c, std::ostream* os) { *os << c.name; }

int64_t blocks(int64_t size, int block) { return (size + block - 1) / block; }

// Weights of 0, 1, 2 and 0.5, or true and false.
array mask_of(int64_t rows, int64_t columns, const MaskCase& c, Dtype dtype, int seed) {
  const double weights[] = {1, 0, 2, 0, 0.5, 1, 1};
  Doubles out;
  for (int64_t i = 0; i < blocks(rows, c.block) * blocks(columns, c.block); ++i) {
    out.push_back(weights[static_cast<size_t>(i * 3 + seed) % 7]);
  }
  return astype(test::make(out, {blocks(rows, c.block), blocks(columns, c.block)}, float64), dtype);
}

// The matrix with each block times its weight; a masked one is 0 whatever it holds.
Doubles masked(const array& x, const std::optional<array>& mask, int block) {
  Doubles out = values(x);
  if (!mask) return out;
  const Doubles weights = values(*mask);
  const int64_t columns = x.shape(1);
  for (size_t i = 0; i < out.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    const double weight =
        weights[static_cast<size_t>(at / columns / block * mask->shape(1) + at % columns / block)];
    out[i] = weight == 0 ? 0 : out[i] * weight;
  }
  return out;
}

class BlockMaskedMm : public testing::TestWithParam<MaskCase> {};

TEST_P(BlockMaskedMm, MultipliesBlocksByTheirMasks) {
  const MaskCase& c = GetParam();
  for (Dtype dtype : kFloats) {
    for (Dtype mask_dtype : {bool_, float32, int32}) {
      SCOPED_TRACE(dtype_name(dtype) + std::string(" ") + dtype_name(mask_dtype));
      const auto mask = [&](bool exists, int64_t rows, int64_t columns, int seed) {
        return exists ? std::optional<array>(mask_of(rows, columns, c, mask_dtype, seed))
                      : std::nullopt;
      };
      const auto out = mask(c.out, c.m, c.n, 0), left = mask(c.left, c.m, c.k, 1),
                 right = mask(c.right, c.k, c.n, 2);
      const array a = quarters({c.m, c.k}, dtype), b = quarters({c.k, c.n}, dtype, 5);
      Doubles product(static_cast<size_t>(c.m * c.n));
      add_product(product.data(), masked(a, left, c.block).data(), masked(b, right, c.block).data(),
                  c.m, c.k, c.n);
      const Doubles expected = masked(test::make(product, {c.m, c.n}, float64), out, c.block);
      for (const auto& [x, y] : layout_pairs(a, b)) {
        expect_product(block_masked_mm(x, y, c.block, out, left, right), expected, dtype);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, BlockMaskedMm,
                         testing::Values(MaskCase{"NoMask", 70, 40, 33, 32, false, false, false},
                                         MaskCase{"OfResult", 100, 70, 130, 32, true, false, false},
                                         MaskCase{"OfLeft", 100, 70, 65, 32, false, true, false},
                                         MaskCase{"OfRight", 64, 128, 64, 64, false, false, true},
                                         MaskCase{"All", 130, 97, 100, 32, true, true, true},
                                         MaskCase{"Small", 3, 5, 2, 64, true, true, true},
                                         MaskCase{"NoInner", 33, 0, 40, 32, true, true, true},
                                         MaskCase{"Nothing", 0, 3, 0, 32, true, true, true},
                                         MaskCase{"ManyRows", 400, 34, 34, 32, true, true, false}),
                         [](const auto& info) { return info.param.name; });

TEST(BlockMaskedMmBatch, BroadcastsInputsAndMasks) {
  const array a = quarters({3, 1, 40, 34}, float32), b = quarters({2, 34, 20}, float32, 3);
  const array out = astype(test::make({1, 0, 0, 1, 1, 1}, {3, 1, 2, 1}, float64), bool_);
  const array got = block_masked_mm(a, b, 32, out, array(true, bool_) == ones({1, 1}, bool_));
  ASSERT_EQ(got.shape(), (Shape{3, 2, 40, 20}));
  const array weights = slice(repeat(astype(out, float32), 32, 2), {0, 0, 0, 0}, {3, 1, 40, 1});
  EXPECT_EQ(values(got), values(matmul(a, b) * weights));
}

TEST(BlockMaskedMmBatch, VectorsAreRowsAndColumns) {
  const array a = quarters({40, 34}, float32), v = quarters({34}, float32, 3);
  EXPECT_EQ(values(block_masked_mm(a, v, 32)), values(matmul(a, v)));
}

TEST(BlockMaskedMm, IgnoresWhatMaskedBlocksHold) {
  const array nan = full({64, 64}, array(kNan), float32),
              mask = array({true, false, false, true}, {2, 2});
  const array product = block_masked_mm(nan, ones({64, 64}), 32, std::nullopt, mask);
  for (double x : values(product)) EXPECT_TRUE(std::isnan(x));
  const array zero = zeros({2, 2});
  EXPECT_EQ(values(block_masked_mm(nan, nan, 32, std::nullopt, zero)), Doubles(64 * 64));
  EXPECT_EQ(values(block_masked_mm(nan, nan, 32, zero)), Doubles(64 * 64));
}

TEST(BlockMaskedMm, GivesTheGradientOfMasksWhereTheyAre0) {
  const array a = quarters({40, 33}, float64), b = quarters({33, 34}, float64, 3);
  const auto weigh = [](const array& x, const array& mask) {
    const array wide = repeat(repeat(mask, 32, 0), 32, 1);
    return x * slice(wide, {0, 0}, x.shape());
  };
  const auto gradient = [&](bool masks) {
    return vjp(
               [&](const std::vector<array>& m) {
                 const array product = masks ? block_masked_mm(a, b, 32, m[0], m[1], m[2])
                                             : weigh(matmul(weigh(a, m[1]), weigh(b, m[2])), m[0]);
                 return std::vector<array>{product};
               },
               {array({0.0, 2.0, 1.0, 0.0}, {2, 2}, float64),
                array({1.0, 0.0, 0.0, 3.0}, {2, 2}, float64),
                array({0.0, 0.5, 1.0, 0.0}, {2, 2}, float64)},
               {quarters({40, 34}, float64, 7)})
        .second;
  };
  const std::vector<array> got = gradient(true), expected = gradient(false);
  for (size_t i : {0, 1, 2}) expect_product(got[i], values(expected[i]), float64);
}

TEST(BlockMaskedMmErrors, SayWhatIsWrong) {
  const array x = ones({64, 64}), mask = ones({2, 2});
  EXPECT_THROW(block_masked_mm(x, x, 16), std::invalid_argument);
  EXPECT_THROW(block_masked_mm(x, x, 32, ones({3, 2})), std::invalid_argument);
  EXPECT_THROW(block_masked_mm(x, x, 32, ones({2})), std::invalid_argument);
  EXPECT_THROW(block_masked_mm(x, x, 32, astype(mask, complex64)), std::invalid_argument);
  EXPECT_THROW(block_masked_mm(x, ones({3, 4}), 32), std::invalid_argument);
  EXPECT_THROW(block_masked_mm(array(1.0f), x, 32), std::invalid_argument);
  EXPECT_THROW(block_masked_mm(astype(x, int32), astype(x, int32), 32), std::invalid_argument);
  EXPECT_THROW(block_masked_mm(astype(x, complex64), x, 32), std::invalid_argument);
}

// ---- segmented_mm

TEST(SegmentedMm, MultipliesSegmentsInEveryDtypeAndLayout) {
  const int64_t m = 3, k = 10, n = 2;
  const std::vector<int64_t> bounds = {0, 4, 4, 10, 2, 2, 0, 10, 3, 9, 10, 10};
  const array segments(bounds.data(), {3, 2, 2}, int64);
  for (Dtype dtype : kFloats) {
    SCOPED_TRACE(dtype_name(dtype));
    const array a = quarters({m, k}, dtype), b = quarters({k, n}, dtype, 5);
    Doubles expected;
    for (size_t i = 0; i < bounds.size(); i += 2) {
      Doubles one(static_cast<size_t>(m * n));
      for (int64_t l = bounds[i]; l < bounds[i + 1]; ++l) {
        const array column = slice(a, {0, l}, {m, l + 1}), row = slice(b, {l, 0}, {l + 1, n});
        add_product(one.data(), values(column).data(), values(row).data(), m, 1, n);
      }
      expected.insert(expected.end(), one.begin(), one.end());
    }
    for (const auto& [x, y] : layout_pairs(a, b)) {
      const array got = segmented_mm(x, y, segments);
      ASSERT_EQ(got.shape(), (Shape{3, 2, 3, 2}));
      expect_product(got, expected, dtype);
    }
  }
}

TEST(SegmentedMm, TakesOneSegmentAndNone) {
  const array a = quarters({3, 4}, float32), b = quarters({4, 2}, float32, 1);
  EXPECT_EQ(values(segmented_mm(a, b, array({0, 4}, uint8))), values(matmul(a, b)));
  EXPECT_EQ(segmented_mm(a, b, zeros({0, 2}, int32)).shape(), (Shape{0, 3, 2}));
  EXPECT_EQ(values(segmented_mm(zeros({3, 0}), zeros({0, 2}), array({0, 0}))), Doubles(6));
  EXPECT_EQ(segmented_mm(zeros({0, 4}), b, array({0, 4})).shape(), (Shape{0, 2}));
}

TEST(SegmentedMm, RunsManyAndLargeSegments) {
  const array a = quarters({70, 300}, float32), b = quarters({300, 90}, float32, 1);
  std::vector<int64_t> bounds;
  for (int64_t i = 0; i < 40; ++i) bounds.insert(bounds.end(), {i * 5, i * 7 + 20});
  const array got = segmented_mm(a, b, array(bounds.data(), {40, 2}, int64));
  for (int i : {0, 17, 39}) {
    const auto at = static_cast<size_t>(2 * i);
    const array expected = matmul(slice(a, {0, bounds[at]}, {70, bounds[at + 1]}),
                                  slice(b, {bounds[at], 0}, {bounds[at + 1], 90}));
    expect_product(take(got, i, 0), values(expected), float32);
  }
}

TEST(SegmentedMmErrors, SayWhatIsWrong) {
  const array a = ones({3, 10}), b = ones({10, 2});
  for (const auto& bad : {array({0, 11}), array({-1, 4}), array({5, 3})}) {
    EXPECT_THROW(eval(segmented_mm(a, b, bad)), std::out_of_range);
  }
  EXPECT_THROW(segmented_mm(a, b, array({0.0f, 1.0f})), std::invalid_argument);
  EXPECT_THROW(segmented_mm(a, b, array({false, true})), std::invalid_argument);
  EXPECT_THROW(segmented_mm(a, b, array({0, 1, 2})), std::invalid_argument);
  EXPECT_THROW(segmented_mm(a, b, array(0)), std::invalid_argument);
  EXPECT_THROW(segmented_mm(a, a, array({0, 1})), std::invalid_argument);
  EXPECT_THROW(segmented_mm(ones({1, 3, 10}), b, array({0, 1})), std::invalid_argument);
  EXPECT_THROW(segmented_mm(astype(a, int32), astype(b, int32), array({0, 1})),
               std::invalid_argument);
}

}  // namespace
}  // namespace mlx::core
