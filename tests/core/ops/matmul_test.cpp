#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <limits>

#include "core/elements.h"
#include "core/layouts.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace {

using test::complex_values;
using test::count_of;
using test::values;
using Complex = std::complex<double>;

const std::vector<Dtype> kInexact = {float16, bfloat16, float32, float64, complex64};

// Numbers that every dtype holds exactly.
array entries(const Shape& shape, Dtype dtype, int seed = 0) {
  std::vector<complex64_t> out;
  for (int64_t i = 0; i < count_of(shape); ++i) {
    const auto at = static_cast<int>((i + seed) * 7919 % 23);
    out.emplace_back(static_cast<float>(at % 17 - 8) / 4, static_cast<float>(at % 5 - 2) / 2);
  }
  const array all(out.data(), shape, complex64);
  return dtype == complex64 ? all : astype(real(all), dtype);
}

// The product of two batches of matrices in double precision. Sets the sum of magnitudes.
std::vector<Complex> naive(const array& left, const array& right, std::vector<double>& magnitude) {
  Shape batch = broadcast_shapes(Shape(left.shape().begin(), left.shape().end() - 2),
                                 Shape(right.shape().begin(), right.shape().end() - 2));
  const auto full = [&](const array& x) {
    Shape shape = batch;
    shape.push_back(x.shape(-2));
    shape.push_back(x.shape(-1));
    return complex_values(astype(broadcast_to(x, shape), complex64));
  };
  const std::vector<Complex> a = full(left);
  const std::vector<Complex> b = full(right);
  const int64_t m = left.shape(-2);
  const int64_t k = left.shape(-1);
  const int64_t n = right.shape(-1);
  std::vector<Complex> out;
  magnitude.clear();
  for (int64_t i = 0; i < count_of(batch) * m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      Complex sum = 0;
      double size = 0;
      for (int64_t l = 0; l < k; ++l) {
        const Complex term =
            a[static_cast<size_t>(i * k + l)] * b[static_cast<size_t>((i / m * k + l) * n + j)];
        sum += term;
        size += std::abs(term);
      }
      out.push_back(sum);
      magnitude.push_back(size);
    }
  }
  return out;
}

// Sums of exact products in at least float32, rounded once to the dtype.
void expect_product(const array& got, const array& a, const array& b) {
  std::vector<double> magnitude;
  const std::vector<Complex> expected = naive(a, b, magnitude);
  const std::vector<Complex> actual = complex_values(got);
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    const double bound =
        test::epsilon(got.dtype()) * std::abs(expected[i]) + 1e-6 * magnitude[i] + 1e-12;
    ASSERT_LE(std::abs(actual[i] - expected[i]), bound) << "element " << i;
  }
}

struct MatmulCase {
  const char* name;
  Shape a;
  Shape b;
};

class Matmul : public testing::TestWithParam<MatmulCase> {};

TEST_P(Matmul, IsTheSumOfProductsInEveryDtype) {
  for (Dtype dtype : kInexact) {
    SCOPED_TRACE(dtype_name(dtype));
    const array a = entries(GetParam().a, dtype);
    const array b = entries(GetParam().b, dtype, 3);
    const array got = matmul(a, b);
    EXPECT_EQ(got.dtype(), dtype);
    expect_product(got, a, b);
  }
}

TEST_P(Matmul, ReadsAnyLayout) {
  const auto [name, shape_a, shape_b] = GetParam();
  for (Dtype dtype : kInexact) {
    SCOPED_TRACE(dtype_name(dtype));
    const array a = entries(shape_a, dtype);
    const array b = entries(shape_b, dtype, 3);
    const auto column_major = [](const array& x) {
      return swapaxes(contiguous(swapaxes(x, -1, -2)), -1, -2);
    };
    const auto every_other = [](const array& x) {
      const array wide = repeat(repeat(x, 2, -1), 2, -2);
      Shape step(x.ndim(), 1);
      step[x.ndim() - 1] = step[x.ndim() - 2] = 2;
      return slice(wide, Shape(x.ndim(), 0), wide.shape(), step);
    };
    const auto reversed = [](const array& x) { return flip(contiguous(flip(x, -1)), -1); };
    const auto part_of_rows = [](const array& x) {
      const array wide = concatenate({x, x, x}, -1);
      Shape start(x.ndim(), 0);
      Shape stop = wide.shape();
      start[x.ndim() - 1] = x.shape(-1);
      stop[x.ndim() - 1] = 2 * x.shape(-1);
      return slice(wide, start, stop);
    };
    expect_product(matmul(column_major(a), b), a, b);
    expect_product(matmul(a, column_major(b)), a, b);
    expect_product(matmul(column_major(a), column_major(b)), a, b);
    expect_product(matmul(every_other(a), every_other(b)), a, b);
    expect_product(matmul(reversed(a), reversed(b)), a, b);
    expect_product(matmul(part_of_rows(a), part_of_rows(b)), a, b);
    expect_product(matmul(part_of_rows(column_major(a)), column_major(part_of_rows(b))), a, b);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Matmul,
    testing::Values(
        MatmulCase{"Square", {16, 16}, {16, 16}}, MatmulCase{"Odd", {3, 7}, {7, 5}},
        MatmulCase{"OneElement", {1, 1}, {1, 1}}, MatmulCase{"Row", {1, 33}, {33, 17}},
        MatmulCase{"Column", {33, 17}, {17, 1}}, MatmulCase{"OuterProduct", {5, 1}, {1, 6}},
        MatmulCase{"Blocks", {130, 67}, {67, 129}},
        MatmulCase{"BatchOfBlocks", {3, 65, 70}, {3, 70, 66}},
        MatmulCase{"Long", {4, 1000}, {1000, 3}}, MatmulCase{"Batch", {3, 4, 5}, {3, 5, 2}},
        MatmulCase{"ManySmall", {70, 2, 3}, {70, 3, 2}},
        MatmulCase{"ManyOfSomeSize", {24, 20, 32}, {24, 32, 33}},
        MatmulCase{"ManyBroadcastBatch", {3, 8, 20, 32}, {8, 32, 33}},
        MatmulCase{"ManySharedLeft", {20, 32}, {24, 32, 33}},
        MatmulCase{"FewRowsOfMany", {3, 512}, {512, 530}},
        MatmulCase{"SharedRight", {6, 4, 5}, {5, 3}}, MatmulCase{"SharedLeft", {4, 5}, {6, 5, 3}},
        MatmulCase{"RowsSharedRight", {9, 1, 5}, {5, 3}},
        MatmulCase{"BroadcastBatch", {2, 1, 3, 4}, {5, 4, 2}},
        MatmulCase{"BroadcastBoth", {3, 1, 2, 4}, {1, 6, 4, 2}},
        MatmulCase{"EmptyInside", {3, 0}, {0, 4}}, MatmulCase{"EmptyInsideRow", {1, 0}, {0, 4}},
        MatmulCase{"EmptyInsideBatch", {2, 3, 0}, {2, 0, 4}}, MatmulCase{"NoRows", {0, 3}, {3, 4}},
        MatmulCase{"NoColumns", {3, 4}, {4, 0}}, MatmulCase{"NoBatch", {0, 3, 4}, {0, 4, 2}}),
    [](const auto& info) { return info.param.name; });

TEST(MatmulBatch, ReadsBroadcastViews) {
  const array a = entries({2, 3}, float32);
  const array b = entries({4, 3, 2}, float32, 1);
  expect_product(matmul(broadcast_to(a, {4, 2, 3}), b), a, b);
  const array row = entries({1, 3}, float32);
  expect_product(matmul(broadcast_to(row, {5, 3}), b), broadcast_to(row, {5, 3}), b);
}

TEST(MatmulBatch, FoldsOnlyRowsThatFollowEachOther) {
  const array wide = entries({4, 6, 5}, float32);
  const array b = entries({5, 3}, float32, 1);
  const array part = slice(wide, {0, 1, 0}, {4, 3, 5});
  expect_product(matmul(part, b), part, b);
  const array turned = transpose(wide, {1, 0, 2});
  expect_product(matmul(turned, b), turned, b);
}

struct VectorCase {
  Shape a;
  Shape b;
  Shape out;
};

TEST(MatmulVectors, LoseTheirAxis) {
  const VectorCase cases[] = {{{3}, {3}, {}},
                              {{3}, {3, 2}, {2}},
                              {{2, 3}, {3}, {2}},
                              {{3}, {5, 3, 2}, {5, 2}},
                              {{5, 2, 3}, {3}, {5, 2}}};
  for (const VectorCase& c : cases) {
    const array a = entries(c.a, float32);
    const array b = entries(c.b, float32, 1);
    const array got = matmul(a, b);
    EXPECT_EQ(got.shape(), c.out);
    expect_product(got, a.ndim() == 1 ? expand_dims(a, 0) : a,
                   b.ndim() == 1 ? expand_dims(b, 1) : b);
  }
}

TEST(MatmulDtypes, PromoteAndAreInexact) {
  EXPECT_EQ(matmul(ones({2, 2}, float16), ones({2, 2}, bfloat16)).dtype(), float32);
  EXPECT_EQ(matmul(ones({2, 2}, int32), ones({2, 2}, float16)).dtype(), float16);
  EXPECT_EQ(matmul(ones({2, 2}, float32), ones({2, 2}, complex64)).dtype(), complex64);
  EXPECT_THROW(matmul(ones({2, 2}, int32), ones({2, 2}, int32)), std::invalid_argument);
  EXPECT_THROW(matmul(ones({2, 2}, bool_), ones({2, 2}, uint8)), std::invalid_argument);
}

TEST(MatmulErrors, ComeWhenTheGraphIsBuilt) {
  const array x = ones({2, 3});
  EXPECT_THROW(matmul(array(1.0f), x), std::invalid_argument);
  EXPECT_THROW(matmul(x, array(1.0f)), std::invalid_argument);
  EXPECT_THROW(matmul(x, ones({2, 3})), std::invalid_argument);
  EXPECT_THROW(matmul(x, ones({2})), std::invalid_argument);
  EXPECT_THROW(matmul(ones({2, 2, 3}), ones({3, 3, 2})), std::invalid_argument);
}

TEST(MatmulValues, HalfPrecisionAccumulatesInFloat32) {
  for (Dtype dtype : {float16, bfloat16}) {
    const array a = full({1, 4096}, 1.0f, dtype);
    const array b = full({4096, 1}, 0.25f, dtype);
    EXPECT_EQ(values(matmul(a, b))[0], 1024.0) << dtype_name(dtype);
  }
}

TEST(MatmulValues, OldMemoryIsNotRead) {
  // Buffers full of NaN go back to the allocator; results take them over.
  for (int i = 0; i < 4; ++i) {
    full({64, 64}, std::numeric_limits<float>::quiet_NaN()).eval();
    full({64}, std::numeric_limits<float>::quiet_NaN()).eval();
    const array m = entries({64, 64}, float32);
    const array v = entries({64}, float32);
    EXPECT_FALSE(any(isnan(matmul(m, m))).item<bool>());
    EXPECT_FALSE(any(isnan(matmul(m, v))).item<bool>());
    EXPECT_FALSE(any(isnan(matmul(v, m))).item<bool>());
  }
}

TEST(MatmulGradient, ConjugatesComplexOperands) {
  const array a = entries({2, 3}, complex64);
  const array b = entries({3, 2}, complex64, 5);
  const array g = entries({2, 2}, complex64, 9);
  const auto product = [](const std::vector<array>& x) {
    return std::vector<array>{matmul(x[0], x[1])};
  };
  const auto cotangents = vjp(product, {a, b}, {g}).second;
  expect_product(cotangents[0], g, conjugate(transpose(b)));
  expect_product(cotangents[1], conjugate(transpose(a)), g);
}

TEST(MatmulGradient, SumsOverAFoldedBatch) {
  const array a = entries({3, 4, 5}, float32);
  const array b = entries({5, 2}, float32, 5);
  const array g = entries({3, 4, 2}, float32, 9);
  const auto product = [](const std::vector<array>& x) {
    return std::vector<array>{matmul(x[0], x[1])};
  };
  const auto cotangents = vjp(product, {a, b}, {g}).second;
  expect_product(cotangents[0], g, transpose(b));
  expect_product(cotangents[1], transpose(reshape(a, {12, 5})), reshape(g, {12, 2}));
}

// ---- addmm

TEST(Addmm, ScalesAndAddsInEveryRealDtype) {
  const Shape addends[] = {{70, 66}, {66}, {70, 1}, {}};
  for (Dtype dtype : {float16, bfloat16, float32, float64}) {
    for (const Shape& shape : addends) {
      const array a = entries({70, 68}, dtype);
      const array b = entries({68, 66}, dtype, 2);
      const array c = entries(shape, dtype, 4);
      const array got = addmm(c, a, b, 0.5f, -2.0f);
      EXPECT_EQ(got.dtype(), dtype);
      std::vector<double> magnitude;
      const std::vector<Complex> product = naive(a, b, magnitude);
      const std::vector<double> addend = values(broadcast_to(c, {70, 66}));
      const std::vector<double> actual = values(got);
      for (size_t i = 0; i < actual.size(); ++i) {
        const double expected = 0.5 * product[i].real() - 2 * addend[i];
        EXPECT_NEAR(actual[i], expected, test::epsilon(dtype) * std::abs(expected) + 1e-5)
            << dtype_name(dtype) << " element " << i;
      }
    }
  }
}

TEST(Addmm, TakesVectorsAndBatches) {
  EXPECT_EQ(values(addmm(array({1.0f, 2.0f}), ones({3}), ones({3, 2}))),
            (std::vector<double>{4, 5}));
  EXPECT_EQ(values(addmm(array({1.0f, 2.0f}), ones({2, 3}), ones({3}))),
            (std::vector<double>{4, 5}));
  EXPECT_EQ(values(addmm(array(1.0f), ones({3}), ones({3}))), (std::vector<double>{4}));
  const array imaginary = full({2, 2}, complex64_t(0, 1), complex64);
  EXPECT_EQ(test::complex_values(addmm(ones({2}), imaginary, ones({2, 2}), 0.5f, 3.0f))[3],
            std::complex<double>(3, 1));
  const array batch = addmm(ones({5, 4}), ones({5, 4, 3}), ones({3}));
  EXPECT_EQ(batch.shape(), (Shape{5, 4}));
  EXPECT_EQ(values(batch), std::vector<double>(20, 4));
  const array tall = addmm(array({1.0f, 2.0f}), ones({4, 2, 3}), ones({3, 2}), 2.0f);
  EXPECT_EQ(values(tall)[7], 8);
}

TEST(Addmm, KeepsTheAddendWhenNothingIsSummed) {
  for (Dtype dtype : {float16, bfloat16, float32, float64}) {
    const array got =
        addmm(full({2, 1}, 3.0f, dtype), ones({2, 0}, dtype), ones({0, 1}, dtype), 1.0f, 0.5f);
    EXPECT_EQ(values(got), (std::vector<double>{1.5, 1.5})) << dtype_name(dtype);
  }
}

TEST(Addmm, IgnoresTheAddendWithBetaZero) {
  const array nan = full({2, 2}, std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(values(addmm(nan, ones({2, 2}), ones({2, 2}), 1.0f, 0.0f)), std::vector<double>(4, 2));
}

TEST(Addmm, RefusesWhatDoesNotBroadcastToTheProduct) {
  const array a = ones({2, 3});
  const array b = ones({3, 2});
  EXPECT_THROW(addmm(ones({5}), a, b), std::invalid_argument);
  EXPECT_THROW(addmm(ones({5, 2, 2}), a, b), std::invalid_argument);
  EXPECT_THROW(addmm(ones({4, 2}), ones({3}), b), std::invalid_argument);
  EXPECT_THROW(addmm(ones({2}, int32), ones({2, 3}, int32), ones({3, 2}, int32)),
               std::invalid_argument);
  EXPECT_THROW(addmm(ones({5}, complex64), a, b), std::invalid_argument);
}

// ---- the others

TEST(Tensordot, ContractsTheGivenAxes) {
  const array a = entries({2, 3, 4}, float32);
  const array b = entries({4, 3, 5}, float32, 1);
  const array got = tensordot(a, b, {1, -1}, {1, 0});
  EXPECT_EQ(got.shape(), (Shape{2, 5}));
  expect_product(got, reshape(a, {2, 12}), reshape(transpose(b, {1, 0, 2}), {12, 5}));
  const array last = tensordot(a, b, 1);
  EXPECT_EQ(last.shape(), (Shape{2, 3, 3, 5}));
  expect_product(last, reshape(a, {6, 4}), reshape(b, {4, 15}));
  EXPECT_EQ(tensordot(a, b, 0).shape(), (Shape{2, 3, 4, 4, 3, 5}));
}

TEST(Tensordot, RefusesAxesThatDoNotMatch) {
  const array a = ones({2, 3});
  const array b = ones({3, 4});
  EXPECT_THROW(tensordot(a, b, 3), std::invalid_argument);
  EXPECT_THROW(tensordot(a, b, -1), std::invalid_argument);
  EXPECT_THROW(tensordot(a, b, 2), std::invalid_argument);
  EXPECT_THROW(tensordot(a, b, {0}, {0}), std::invalid_argument);
  EXPECT_THROW(tensordot(a, b, {0, 1}, {0}), std::invalid_argument);
  EXPECT_THROW(tensordot(a, a, {1, 1}, {1, 1}), std::invalid_argument);
  EXPECT_THROW(tensordot(a, a, {2}, {2}), std::invalid_argument);
}

TEST(Outer, FlattensAndKeepsIntegers) {
  const array got = outer(array({1, 2}), array({1, 2, 3, 4}, {2, 2}));
  EXPECT_EQ(got.dtype(), int32);
  EXPECT_EQ(got.shape(), (Shape{2, 4}));
  EXPECT_EQ(values(got), (std::vector<double>{1, 2, 3, 4, 2, 4, 6, 8}));
}

TEST(Inner, ContractsTheLastAxes) {
  const array a = entries({4, 3}, float32);
  const array b = entries({5, 3}, float32, 1);
  const array got = inner(a, b);
  EXPECT_EQ(got.shape(), (Shape{4, 5}));
  expect_product(got, a, transpose(b));
  EXPECT_EQ(values(inner(array(2.0f), array({1.0f, 2.0f}))), (std::vector<double>{2, 4}));
  EXPECT_THROW(inner(a, ones({5, 4})), std::invalid_argument);
  EXPECT_THROW(inner(array({1, 2}), array({1, 2})), std::invalid_argument);
}

TEST(Vecdot, SumsProductsOfTheConjugate) {
  const array got = vecdot(array({1, 2}, int8), array({3, 4}, int8));
  EXPECT_EQ(got.dtype(), int32);
  EXPECT_EQ(values(got), (std::vector<double>{11}));
  const array complex =
      vecdot(test::make_complex({{1, 2}, {3, 0}}), test::make_complex({{0, 1}, {2, 0}}));
  EXPECT_EQ(complex_values(complex), (std::vector<Complex>{{8, 1}}));
  EXPECT_EQ(values(vecdot(ones({2, 3}), ones({2, 3}), 0)), std::vector<double>(3, 2));
  EXPECT_EQ(vecdot(ones({4, 3}), ones({3})).shape(), (Shape{4}));
  EXPECT_EQ(vecdot(ones({1, 4, 3}), ones({4, 3}), 0).shape(), (Shape{4, 3}));
}

TEST(Vecdot, RefusesSizesThatDiffer) {
  EXPECT_THROW(vecdot(array(1.0f), ones({3})), std::invalid_argument);
  EXPECT_THROW(vecdot(ones({4, 1}), ones({3})), std::invalid_argument);
  EXPECT_THROW(vecdot(ones({4, 3}), ones({3}), 0), std::invalid_argument);
  EXPECT_THROW(vecdot(ones({4, 3}), ones({4, 3}), 2), std::invalid_argument);
}

TEST(Kron, RepeatsTheSecondForEachElementOfTheFirst) {
  const array got = kron(array({1, 2, 3, 4}, {2, 2}), array({1, 10}));
  EXPECT_EQ(got.dtype(), int32);
  EXPECT_EQ(got.shape(), (Shape{2, 4}));
  EXPECT_EQ(values(got), (std::vector<double>{1, 10, 2, 20, 3, 30, 4, 40}));
}

}  // namespace
}  // namespace mlx::core
