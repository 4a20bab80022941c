// Where kernels take another way through the same operation: sizes on both
// sides of each choice, against plain loops.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "core/elements.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"

using namespace mlx::core;
using namespace mlx::test;

namespace {

using Values = std::vector<double>;

// Whole numbers of both signs, which every floating-point dtype holds.
Values whole_numbers(size_t count) {
  Values out(count);
  for (size_t i = 0; i < count; ++i) out[i] = static_cast<double>(i * 7919 % 61) - 30;
  return out;
}

TEST(Remainder, HugeQuotientsAmongSmallOnesAreExact) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  Values a = whole_numbers(1000), b = whole_numbers(1000);
  for (double& divisor : b) divisor = divisor * 0.375 + 0.0625;
  a[130] = 0x1p100, b[131] = kInf, a[132] = -0x1p60, a[500] = 0x1p29, a[999] = 0x1.8p40;
  const Values got = values(remainder(make(a, float32), make(b, float32)));
  for (size_t i = 0; i < a.size(); ++i) {
    const double r = std::fmod(a[i], b[i]);
    const double expected = r != 0 && (r < 0) != (b[i] < 0) ? static_cast<float>(r + b[i]) : r;
    EXPECT_EQ(got[i], expected) << a[i] << " modulo " << b[i];
  }
}

TEST(Remainder, SmallIntegersByEveryDivisor) {
  for (const Dtype dtype : {int32, uint32, int64}) {
    const double least = dtype == uint32 ? 0 : -2147483648.0, most = 2147483647;
    for (const double b : {0.0, 1.0, 3.0, dtype == uint32 ? 7.0 : -1.0, most}) {
      const Values a = {least, least + 1, 0, 1, 2, most - 1, most};
      const array x = make(a, dtype), y = make(Values(a.size(), b), dtype);
      const Values rest = values(remainder(x, y)), quotient = values(floor_divide(x, y));
      for (size_t i = 0; i < a.size(); ++i) {
        const auto n = static_cast<int64_t>(a[i]), d = static_cast<int64_t>(b);
        const int64_t q = d == 0 ? 0 : n / d, r = d == 0 ? 0 : ((n % d) + d) % d;
        const bool wraps = dtype == int32 && q > 2147483647;
        EXPECT_EQ(quotient[i], wraps ? least : static_cast<double>(q)) << n << " / " << d;
        EXPECT_EQ(rest[i], static_cast<double>(r)) << n << " modulo " << d;
      }
    }
  }
}

TEST(Sum, AddsStoredNumbersAlongEachAxis) {
  for (const Dtype dtype : {float32, bfloat16, float16}) {
    for (const auto& [rows, columns] : std::vector<std::pair<int, int>>{
             {1, 5}, {9, 31}, {17, 33}, {3, 64}, {5, 129}, {2, 5000}, {5000, 3}, {70, 200}}) {
      const Values all = whole_numbers(static_cast<size_t>(rows) * static_cast<size_t>(columns));
      const array a = make(all, Shape{rows, columns}, dtype);
      Values by_row(static_cast<size_t>(rows)), by_column(static_cast<size_t>(columns));
      for (size_t i = 0; i < all.size(); ++i) {
        by_row[i / by_column.size()] += all[i];
        by_column[i % by_column.size()] += all[i];
      }
      EXPECT_EQ(values(sum(a, 1)), values(make(by_row, dtype))) << rows << " x " << columns;
      EXPECT_EQ(values(sum(a, 0)), values(make(by_column, dtype))) << rows << " x " << columns;
    }
  }
}

TEST(Copy, RepeatsElementsInRowsOfAnyLength) {
  for (const Dtype dtype : {bool_, bfloat16, float32, complex64}) {
    for (const int copies : {2, 3, 31, 32, 33, 700}) {
      const int count = 70001 / copies;
      const array a = make(whole_numbers(static_cast<size_t>(count)), dtype);
      const array wide = contiguous(broadcast_to(reshape(a, {count, 1}), {count, copies}));
      const array narrow = contiguous(broadcast_to(a, {copies, count}));
      EXPECT_EQ(values(wide), values(contiguous(transpose(narrow)))) << copies;
    }
  }
}

TEST(Cast, RoundsToBfloat16AlikeInVectorsAndAlone) {
  Values all = {1 + 0x1p-8, 1 + 0x3p-8, -1 - 0x1p-8, 0x1p-130, 3.4e38, 0, -0.0};
  for (const double special : {std::nan(""), HUGE_VAL, -HUGE_VAL}) all.push_back(special);
  for (int i = 0; i < 60; ++i) all.push_back(1 + i * 0x1p-9);
  const Values together = values(astype(make(all, float32), bfloat16));
  for (size_t i = 0; i < all.size(); ++i) {
    const double alone = values(astype(make({all[i]}, float32), bfloat16))[0];
    EXPECT_TRUE(together[i] == alone || (std::isnan(together[i]) && std::isnan(alone))) << all[i];
  }
}

TEST(Where, ChoosesByRandomConditions) {
  const Values conditions = whole_numbers(1000), x = whole_numbers(3000);
  Values chosen(1000);
  for (size_t i = 0; i < 1000; ++i) chosen[i] = conditions[i] != 0 ? x[i] : x[i + 1500];
  for (const Dtype dtype : {bool_, int8, bfloat16, float32, int64, complex64}) {
    const array a = make(Values(x.begin(), x.begin() + 1000), dtype);
    const array b = make(Values(x.begin() + 1500, x.begin() + 2500), dtype);
    EXPECT_EQ(values(where(make(conditions, bool_), a, b)), values(make(chosen, dtype)));
  }
}

}  // namespace
