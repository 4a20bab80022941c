// Sorting and selection against std::stable_sort, over all dtypes, axes and layouts.

#include "mlx/core/ops/sort.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>
#include <set>

#include "core/elements.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/transforms.h"

using namespace mlx::core;
using namespace mlx::test;

namespace {

// Few distinct values, so that there are ties, within what every dtype holds.
std::vector<double> with_ties(size_t count, Dtype dtype) {
  std::mt19937 engine(static_cast<unsigned>(count));
  const int low = dtype == bool_ || issubdtype(dtype, unsignedinteger) ? 0 : -50;
  std::uniform_int_distribution<int> draw(low, dtype == bool_ ? 1 : 50);
  std::vector<double> out(count);
  std::generate(out.begin(), out.end(), [&] { return draw(engine); });
  return out;
}

bool nan_last(double a, double b) { return a < b || (std::isnan(b) && !std::isnan(a)); }

std::vector<double> stable_order(const std::vector<double>& line) {
  std::vector<double> order(line.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](double a, double b) {
    return nan_last(line[static_cast<size_t>(a)], line[static_cast<size_t>(b)]);
  });
  return order;
}

// The lines of `a` along `axis`, one after the other.
std::vector<std::vector<double>> lines_of(const array& a, int axis) {
  const auto all = values(moveaxis(a, axis, -1));
  const auto n = static_cast<size_t>(a.shape(axis));
  std::vector<std::vector<double>> out;
  for (size_t i = 0; n > 0 && i < all.size(); i += n) {
    out.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(i),
                     all.begin() + static_cast<std::ptrdiff_t>(i + n));
  }
  return out;
}

void expect_sorted(const array& a, int axis, const char* what) {
  const auto in = lines_of(a, axis);
  const auto sorted = lines_of(sort(a, axis), axis);
  const auto order = lines_of(argsort(a, axis), axis);
  ASSERT_EQ(sorted.size(), in.size());
  for (size_t i = 0; i < in.size(); ++i) {
    const auto expected = stable_order(in[i]);
    ASSERT_EQ(order[i], expected) << what << ", axis " << axis << ", line " << i;
    for (size_t k = 0; k < expected.size(); ++k) {
      const double value = in[i][static_cast<size_t>(expected[k])];
      ASSERT_TRUE(sorted[i][k] == value || (std::isnan(sorted[i][k]) && std::isnan(value)))
          << what << ", axis " << axis << ", line " << i;
    }
  }
}

TEST(Sort, IsStableForEveryDtypeAndAxis) {
  for (Dtype dtype : all_dtypes()) {
    const array a = make(with_ties(7 * 5 * 6, dtype), {7, 5, 6}, dtype);
    for (int axis = -3; axis < 3; ++axis) {
      expect_sorted(a, axis, "row-major");
      EXPECT_EQ(sort(a, axis).dtype(), dtype);
      EXPECT_EQ(argsort(a, axis).dtype(), uint32);
    }
  }
}

TEST(Sort, IsStableForLongLines) {
  for (Dtype dtype : all_dtypes()) {
    for (ShapeElem n : {511, 512, 5000}) {
      expect_sorted(make(with_ties(static_cast<size_t>(3 * n), dtype), {3, n}, dtype), 1, "long");
    }
  }
}

TEST(Sort, IsStableForLinesThatThreadsShare) {
  for (Dtype dtype : all_dtypes()) {
    const array a = make(with_ties(100'003, dtype), {100'003}, dtype);
    expect_sorted(a, 0, "shared");
  }
}

TEST(Sort, OrdersTheExtremesOfIntegers) {
  for (Dtype dtype : all_dtypes()) {
    if (!issubdtype(dtype, integer)) {
      continue;
    }
    const array low(iinfo(dtype).min, dtype);
    const array high(iinfo(dtype).max, dtype);
    const array zero(0, dtype);
    const array a = stack({high, zero, low, high, low}, 0);
    const array expected = issubdtype(dtype, unsignedinteger)
                               ? stack({zero, low, low, high, high}, 0)
                               : stack({low, low, zero, high, high}, 0);
    EXPECT_TRUE(array_equal(sort(a), expected).item<bool>()) << dtype;
  }
}

TEST(Sort, TakesEveryLayout) {
  const array a = make(with_ties(8 * 9 * 10, float32), {8, 9, 10}, float32);
  const std::pair<const char*, array> layouts[] = {
      {"transposed", transpose(a, {2, 0, 1})},
      {"strided", slice(a, {0, 1, 0}, {8, 9, 10}, {3, 2, 4})},
      {"flipped", flip(a, {0, 2})},
      {"broadcast", broadcast_to(slice(a, Shape{0, 0, 0}, Shape{8, 1, 10}), {8, 9, 10})},
  };
  for (const auto& [name, x] : layouts) {
    for (int axis = 0; axis < 3; ++axis) {
      expect_sorted(x, axis, name);
    }
  }
}

TEST(Sort, PutsNanLastAndKeepsTheOrderOfZeros) {
  for (Dtype dtype : {float16, bfloat16, float32, float64}) {
    const array a = make({kNan, 1, -0.0, -kInf, 0, kInf, -kNan, -2}, dtype);
    expect_sorted(a, 0, "special values");
    expect_sorted(tile(a, {10'000}), 0, "many special values");
    EXPECT_TRUE(std::signbit(values(sort(a))[2])) << dtype;
    EXPECT_FALSE(std::signbit(values(sort(a))[3])) << dtype;
  }
}

TEST(Sort, ComplexGoesByRealThenImaginaryPart) {
  const std::vector<std::complex<double>> expected = {{-1, 5}, {0, 5}, {1, -2}, {1, 1}, {1, 2}};
  const array a = make_complex({{1, 2}, {1, 1}, {0, 5}, {-1, 5}, {1, -2}});
  EXPECT_EQ(complex_values(sort(a)), expected);
  EXPECT_EQ(values(argsort(a)), (std::vector<double>{3, 2, 4, 1, 0}));
  const array with_nan = make_complex({{-5, kNan}, {kNan, 1}, {2, 0}, {1, kNan}, {1, 0}});
  EXPECT_EQ(values(argsort(with_nan)), (std::vector<double>{4, 2, 0, 1, 3}));
}

TEST(Sort, FlattensWithoutAnAxis) {
  const array a = make({3, 1, 2, 0}, {2, 2}, int32);
  EXPECT_EQ(values(sort(a)), (std::vector<double>{0, 1, 2, 3}));
  EXPECT_EQ(values(argsort(a)), (std::vector<double>{3, 1, 2, 0}));
  EXPECT_EQ(sort(array(3.0f)).shape(), Shape{1});
}

TEST(Sort, TakesNothing) {
  EXPECT_EQ(sort(make({}, {2, 0}, float32), 1).shape(), (Shape{2, 0}));
  EXPECT_EQ(values(argsort(make({}, {0, 2}, float32), 1)).size(), 0u);
  EXPECT_EQ(values(sort(make({}, {2, 0}, float32), 0)).size(), 0u);
}

// ---- selection

TEST(Partition, PutsTheKthElementInPlace) {
  for (Dtype dtype : all_dtypes()) {
    const array a = make(with_ties(4 * 30, dtype), {4, 30}, dtype);
    for (int kth : {0, 7, 29, -1, -30}) {
      const auto in = lines_of(a, 1);
      const auto parts = lines_of(partition(a, kth, 1), 1);
      const auto order = lines_of(argpartition(a, kth, 1), 1);
      const auto k = static_cast<std::ptrdiff_t>(kth < 0 ? kth + 30 : kth);
      for (size_t i = 0; i < in.size(); ++i) {
        auto expected = in[i];
        std::sort(expected.begin(), expected.end());
        const auto middle = parts[i].begin() + k;
        EXPECT_EQ(*middle, expected[static_cast<size_t>(k)]) << dtype << " " << kth;
        EXPECT_TRUE(std::all_of(parts[i].begin(), middle, [&](double v) { return v <= *middle; }));
        EXPECT_TRUE(std::all_of(middle, parts[i].end(), [&](double v) { return v >= *middle; }));
        for (size_t j = 0; j < order[i].size(); ++j) {
          EXPECT_EQ(in[i][static_cast<size_t>(order[i][j])], parts[i][j]);
        }
      }
    }
  }
}

// Also where the sample that the pivots come from says nothing about the rest.
TEST(Partition, OfLongLinesPutsTheKthElementInPlace) {
  for (const int n : {256, 5000, 100'003}) {
    const int step = n / std::min(1024, n / 8);
    const array index = arange(n);
    const std::pair<const char*, array> lines[] = {
        {"random", make(with_ties(static_cast<size_t>(n), float32), float32)},
        {"sorted", astype(index, float32)},
        {"equal", zeros({n})},
        {"sample below", astype(minimum(remainder(index, array(step)), array(1)), float64)},
        {"sample above", astype(equal(remainder(index, array(step)), array(0)), int64)},
    };
    for (const auto& [name, line] : lines) {
      std::vector<double> expected = values(line);
      std::sort(expected.begin(), expected.end());
      for (const int kth : {0, 3, n / 2, n - 2, n - 1}) {
        const auto order = values(argpartition(line, kth, 0));
        const auto parts = values(partition(line, kth, 0));
        EXPECT_EQ(values(take_along_axis(line, argpartition(line, kth, 0), 0)), parts) << name;
        EXPECT_EQ(std::set<double>(order.begin(), order.end()).size(), order.size()) << name;
        const double middle = expected[static_cast<size_t>(kth)];
        EXPECT_EQ(parts[static_cast<size_t>(kth)], middle) << name << " " << n << " " << kth;
        EXPECT_TRUE(std::all_of(parts.begin(), parts.begin() + kth, [&](double v) {
          return v <= middle;
        })) << name;
        EXPECT_TRUE(std::all_of(parts.begin() + kth, parts.end(), [&](double v) {
          return v >= middle;
        })) << name;
      }
    }
  }
}

TEST(Partition, WorksAlongOtherAxesAndFlattened) {
  const array a = make({5, 1, 4, 2, 3, 0}, {3, 2}, int32);
  EXPECT_EQ(values(slice(partition(a, 1, 0), Shape{1, 0}, Shape{2, 2})),
            (std::vector<double>{4, 1}));
  EXPECT_EQ(values(partition(a, 3))[3], 3);
  EXPECT_EQ(values(argpartition(a, 0))[0], 5);
}

TEST(Topk, GivesTheGreatest) {
  const array a = make({5, 1, 4, 2, 3, 0}, {2, 3}, float32);
  EXPECT_EQ(values(sort(topk(a, 2, 1), 1)), (std::vector<double>{4, 5, 2, 3}));
  EXPECT_EQ(values(sort(topk(a, 1, 0), 1)), (std::vector<double>{3, 4, 5}));
  EXPECT_EQ(values(sort(topk(a, 3))), (std::vector<double>{3, 4, 5}));
  EXPECT_EQ(values(topk(a, 3, -1)), values(a));
  EXPECT_EQ(topk(a, 0, 1).shape(), (Shape{2, 0}));
}

// ---- search

TEST(Searchsorted, CountsWhatIsLessOrNotGreater) {
  for (Dtype dtype : all_dtypes()) {
    if (dtype == bool_) {
      continue;
    }
    const array sorted = make({1, 2, 2, 2, 4}, dtype);
    const array wanted = make({0, 1, 2, 3, 4, 5}, {2, 3}, dtype);
    const array left = searchsorted(sorted, wanted);
    EXPECT_EQ(left.dtype(), uint32);
    EXPECT_EQ(left.shape(), (Shape{2, 3}));
    EXPECT_EQ(values(left), (std::vector<double>{0, 0, 1, 4, 4, 5})) << dtype;
    EXPECT_EQ(values(searchsorted(sorted, wanted, "right")),
              (std::vector<double>{0, 1, 4, 4, 5, 5}))
        << dtype;
  }
}

TEST(Searchsorted, PromotesAndTakesStridedAndEmptyInputs) {
  EXPECT_EQ(values(searchsorted(make({1, 2, 3}, int32), make({2.5, kNan}, float32))),
            (std::vector<double>{2, 3}));
  const array every_other = slice(make({1, 9, 2, 9, 3, 9}, float32), Shape{0}, Shape{6}, Shape{2});
  EXPECT_EQ(values(searchsorted(every_other, transpose(make({1, 3, 2, 4}, {2, 2}, float32)))),
            (std::vector<double>{0, 1, 2, 3}));
  EXPECT_EQ(values(searchsorted(make({}, float32), make({1}, float32))), std::vector<double>{0});
  EXPECT_EQ(values(searchsorted(make({1}, float32), make({}, float32))).size(), 0u);
}

// ---- errors

TEST(Sort, BadArgumentsThrowAtTheCall) {
  const array a = make(std::vector<double>(6), {2, 3}, float32);
  const std::function<array()> out_of_range[] = {
      [&] { return sort(a, 2); },         [&] { return argsort(a, -3); },
      [&] { return sort(array(1), -1); }, [&] { return partition(a, 0, 2); },
      [&] { return topk(a, 1, 2); },      [&] { return argpartition(a, 0, 2); },
  };
  for (const auto& call : out_of_range) {
    EXPECT_THROW(call(), std::out_of_range);
  }
  const std::function<array()> invalid[] = {
      [&] { return partition(a, 3, 1); },
      [&] { return partition(a, -4, 1); },
      [&] { return argpartition(a, 6); },
      [&] { return topk(a, 4, 1); },
      [&] { return topk(a, -1, 1); },
      [&] { return searchsorted(a, a); },
      [&] { return searchsorted(flatten(a), a, "middle"); },
  };
  for (const auto& call : invalid) {
    EXPECT_THROW(call(), std::invalid_argument);
  }
}

// ---- derivatives

TEST(Sort, GradientsGoWhereTheValuesCameFrom) {
  const array x = make({3, 1, 2, 1, 0, 5}, {2, 3}, float32);
  const array weights = make({1, 10, 100}, float32);
  const auto grad_of = [&](const std::function<array(const array&)>& f) {
    return values(grad([&](const array& v) { return sum(multiply(f(v), weights)); })(x));
  };
  EXPECT_EQ(grad_of([](const array& v) { return sort(v, 1); }),
            (std::vector<double>{100, 1, 10, 10, 1, 100}));
  EXPECT_EQ(grad_of([](const array& v) { return sort(v, 0); }),
            (std::vector<double>{1, 10, 100, 1, 10, 100}));
  EXPECT_EQ(grad_of([](const array& v) { return topk(v, 1, 1); }),
            (std::vector<double>{111, 0, 0, 0, 0, 111}));
  EXPECT_EQ(grad_of([](const array& v) { return astype(argsort(v, 1), float32); }),
            std::vector<double>(6, 0));
}

TEST(Sort, TangentsFollowTheValues) {
  const array x = make({3, 1, 2}, float32);
  const auto [outputs, tangents] =
      jvp([](const std::vector<array>& v) { return std::vector<array>{sort(v[0], 0)}; }, {x},
          {make({1, 10, 100}, float32)});
  EXPECT_EQ(values(tangents[0]), (std::vector<double>{10, 100, 1}));
}

}  // namespace
