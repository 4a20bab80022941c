// hadamard_transform against the matrices' definition and known rows.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "core/elements.h"
#include "core/layouts.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace {

using test::values;
using Doubles = std::vector<double>;

// The matrix as the transform of the unit vectors: column by column.
array matrix_of(int n, Dtype dtype = float32) {
  return transpose(hadamard_transform(eye(n, dtype), 1.0f));
}

class HadamardSize : public testing::TestWithParam<int> {};

TEST_P(HadamardSize, HasOrthogonalRowsOfSigns) {
  const int n = GetParam();
  const array h = matrix_of(n);
  EXPECT_EQ(values(abs(h)), values(ones({n, n})));
  EXPECT_EQ(values(matmul(h, transpose(h))), values(eye(n) * array(static_cast<float>(n))));
}

TEST_P(HadamardSize, IsTheProductOfAMatrixAndSylvesters) {
  const int n = GetParam();
  int order = n;
  while (order % 2 == 0 && order != 12 && order != 20 && order != 28) order /= 2;
  const int length = n / order;
  array sylvester = array({1.0f}, {1, 1});
  for (int i = 1; i < length; i *= 2) {
    sylvester = kron(array({1.0f, 1.0f, 1.0f, -1.0f}, {2, 2}), sylvester);
  }
  EXPECT_EQ(values(matrix_of(n)), values(kron(matrix_of(order), sylvester)));
}

TEST_P(HadamardSize, IsItsMatrixInEveryDtype) {
  const int n = GetParam();
  const array h = matrix_of(n, float64);
  for (Dtype dtype : {float16, bfloat16, float32, float64}) {
    for (const auto& [name, x] : test::layouts(test::counting({3, n}, uint8), {3, n}, dtype)) {
      SCOPED_TRACE(dtype_name(dtype) + std::string(" ") + name);
      const array expected =
          astype(matmul(astype(x, float64), transpose(h)) / array(std::sqrt(n), float64), dtype);
      const array got = hadamard_transform(x);
      ASSERT_EQ(got.dtype(), dtype);
      const Doubles a = values(got), b = values(expected);
      for (size_t i = 0; i < a.size(); ++i) {
        ASSERT_NEAR(a[i], b[i], test::epsilon(dtype) * (std::abs(b[i]) + 1) + 1e-6 * n) << i;
      }
    }
  }
}

TEST_P(HadamardSize, PullsBackByTheTranspose) {
  const int n = GetParam();
  const array g = astype(arange(n), float64);
  const auto fun = [](const std::vector<array>& x) {
    return std::vector<array>{hadamard_transform(x[0], 0.5f)};
  };
  const array got = vjp(fun, {zeros({n}, float64)}, {g}).second[0];
  const array expected = matmul(transpose(matrix_of(n, float64)), g) * array(0.5, float64);
  EXPECT_EQ(values(got), values(expected));
}

INSTANTIATE_TEST_SUITE_P(Sizes, HadamardSize,
                         testing::Values(1, 2, 4, 8, 16, 32, 64, 128, 512, 12, 20, 28, 24, 40, 112,
                                         192, 448));

// Columns of the matrices that MLX has, + for 1.
TEST(Hadamard, HasTheKnownMatrices) {
  const auto signs = [](int n, int column) {
    std::string out;
    for (double x : values(take(matrix_of(n), column, 1))) out += x > 0 ? '+' : '-';
    return out;
  };
  EXPECT_EQ(signs(12, 0), "+-++++++++++");
  EXPECT_EQ(signs(12, 1), "--+-+-+-+-+-");
  EXPECT_EQ(signs(12, 11), "+-+--+-++---");
  EXPECT_EQ(signs(20, 0), "+-----++++--++--+--+");
  EXPECT_EQ(signs(20, 19), "-++-++--++++++-----+");
  EXPECT_EQ(signs(28, 0), "+--------++++--+-++-+-++--++");
  EXPECT_EQ(signs(28, 27), "--++--+-+--+-+-++++--------+");
}

TEST(Hadamard, TakesScalarsIntegersAndNoRows) {
  EXPECT_EQ(values(hadamard_transform(array(3.0f))), Doubles{3});
  EXPECT_EQ(hadamard_transform(array(3.0f)).shape(), Shape{});
  EXPECT_EQ(hadamard_transform(arange(4)).dtype(), float32);
  EXPECT_EQ(values(hadamard_transform(arange(4))), (Doubles{3, -1, -2, 0}));
  EXPECT_EQ(values(hadamard_transform(array({true, false}), 1.0f)), (Doubles{1, 1}));
  EXPECT_EQ(hadamard_transform(zeros({0, 4})).shape(), (Shape{0, 4}));
}

TEST(Hadamard, TransformsLongRows) {
  const int n = 1 << 17;
  const array x = eye(2, n, 5);
  const Doubles got = values(hadamard_transform(x, 1.0f));
  for (int row : {0, 1}) {
    for (int i = 0; i < n; i += 997) {
      const bool negative = std::popcount(static_cast<unsigned>(i & (row + 5))) % 2 != 0;
      ASSERT_EQ(got[static_cast<size_t>(row * n + i)], negative ? -1 : 1) << row << ", " << i;
    }
  }
}

TEST(HadamardErrors, SayWhatIsWrong) {
  for (int n : {0, 3, 6, 36, 60}) {
    EXPECT_THROW(hadamard_transform(zeros({2, n})), std::invalid_argument) << n;
  }
  EXPECT_THROW(hadamard_transform(zeros({4}, complex64)), std::invalid_argument);
}

}  // namespace
}  // namespace mlx::core
