// Creation against golden/creation_dtypes.tsv's rows and closed formulas.

#include "mlx/core/ops/creation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <stdexcept>

#include "core/elements.h"
#include "core/layouts.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/shape.h"

using namespace mlx::core;
using namespace mlx::test;

namespace {

using Values = std::vector<double>;

struct Row {
  const char* name;
  array result;
  Dtype dtype;
  Shape shape;
  Values expected;
};

void expect_rows(const std::vector<Row>& rows, double tolerance = 0) {
  for (const Row& row : rows) {
    EXPECT_EQ(row.result.dtype(), row.dtype) << row.name;
    EXPECT_EQ(row.result.shape(), row.shape) << row.name;
    const Values got = values(row.result);
    ASSERT_EQ(got.size(), row.expected.size()) << row.name;
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_NEAR(got[i], row.expected[i], tolerance) << row.name << ", element " << i;
    }
  }
}

TEST(Arange, CountsUpAndDown) {
  expect_rows({
      {"stop", arange(3), int32, {3}, {0, 1, 2}},
      {"float stop", arange(3.0), float32, {3}, {0, 1, 2}},
      {"start, stop", arange(1, 3), int32, {2}, {1, 2}},
      {"step", arange(0.0, 1.0, 0.5), float32, {2}, {0, 0.5}},
      {"part of a step", arange(0.0, 1.1, 0.5), float32, {3}, {0, 0.5, 1}},
      {"down", arange(5, 0, -2), int32, {3}, {5, 3, 1}},
      {"empty", arange(3, 0), int32, {0}, {}},
      {"empty down", arange(0, 3, -1), int32, {0}, {}},
      {"half", arange(3.0, float16), float16, {3}, {0, 1, 2}},
      {"truncates", arange(0.9, 3.0, 1.5, int16), int16, {2}, {0, 2}},
      {"truncates the step to 0", arange(0.0, 1.0, 0.5, int32), int32, {2}, {0, 0}},
      {"complex", arange(2.0, complex64), complex64, {2}, {0, 1}},
      {"unsigned", arange(250.0, 256.0, 2.0, uint8), uint8, {3}, {250, 252, 254}},
      {"beyond float32",
       arange(16777216.0, 16777219.0, int64),
       int64,
       {3},
       {16777216, 16777217, 16777218}},
  });
}

TEST(Arange, DoesNotAccumulateErrors) {
  const Values got = values(arange(0.0, 100000.0, 0.1));
  ASSERT_EQ(got.size(), 1000000u);
  EXPECT_EQ(got.back(), static_cast<double>(static_cast<float>(999999 * 0.1)));
}

TEST(Linspace, ReachesItsEnds) {
  expect_rows({{"default",
                linspace(0, 1),
                float32,
                {50},
                [] {
                  Values all;
                  for (int i = 0; i < 50; ++i) {
                    all.push_back(i / 49.0);
                  }
                  return all;
                }()},
               {"without the end", linspace(0, 1, 5, false), float32, {5}, {0, 0.2, 0.4, 0.6, 0.8}},
               {"one", linspace(0, 1, 1), float32, {1}, {0}},
               {"none", linspace(0, 1, 0), float32, {0}, {}},
               {"integers", linspace(0, 5, 3, int32), int32, {3}, {0, 2, 5}},
               {"doubles", linspace(0.1, 0.3, 3, float64), float64, {3}, {0.1, 0.2, 0.3}}},
              1e-7);
  EXPECT_EQ(values(linspace(-0.1, 0.7, 7)).back(), static_cast<double>(0.7f));
  EXPECT_NEAR(values(linspace(0.1, 1, 1, float64))[0], 0.1, 1e-16);
}

TEST(Full, FollowsItsValuesDtype) {
  const array two = array({1, 2});
  expect_rows({
      {"zeros", zeros({3}), float32, {3}, {0, 0, 0}},
      {"zeros dtype", zeros({1, 2}, int8), int8, {1, 2}, {0, 0}},
      {"zero axes", zeros({}), float32, {}, {0}},
      {"no elements", zeros({2, 0}), float32, {2, 0}, {}},
      {"ones", ones({2}), float32, {2}, {1, 1}},
      {"int", full({2}, 3), int32, {2}, {3, 3}},
      {"float", full({2}, 3.5), float32, {2}, {3.5, 3.5}},
      {"bool", full({2}, true), bool_, {2}, {1, 1}},
      {"array", full({2, 2}, two), int32, {2, 2}, {1, 2, 1, 2}},
      {"cast", full({2}, 3.7, uint8), uint8, {2}, {3, 3}},
      {"zeros_like", zeros_like(two), int32, {2}, {0, 0}},
      {"ones_like", ones_like(two, float16), float16, {2}, {1, 1}},
      {"full_like", full_like(two, 3.9), int32, {2}, {3, 3}},
      {"full_like dtype", full_like(two, 3.5, float32), float32, {2}, {3.5, 3.5}},
  });
}

TEST(Full, TakesNoMemoryForItsCopies) {
  array big = zeros({1 << 20, 1 << 20});
  big.eval();
  EXPECT_EQ(big.data_size(), 1u);
}

TEST(Matrices, AreOnesAtTheirDiagonals) {
  expect_rows({
      {"eye", eye(2), float32, {2, 2}, {1, 0, 0, 1}},
      {"eye above", eye(2, 3, 1, int32), int32, {2, 3}, {0, 1, 0, 0, 0, 1}},
      {"eye below", eye(3, 2, -1), float32, {3, 2}, {0, 0, 1, 0, 0, 1}},
      {"eye far", eye(2, 2, 7), float32, {2, 2}, {0, 0, 0, 0}},
      {"no eye", eye(0), float32, {0, 0}, {}},
      {"identity", identity(2, bool_), bool_, {2, 2}, {1, 0, 0, 1}},
      {"tri", tri(3, 2, 0, float32), float32, {3, 2}, {1, 0, 1, 1, 1, 1}},
      {"tri below", tri(3, 3, -1, int8), int8, {3, 3}, {0, 0, 0, 1, 0, 0, 1, 1, 0}},
      {"tri above", tri(2, 3, 1, float32), float32, {2, 3}, {1, 1, 0, 1, 1, 1}},
  });
}

TEST(Triangles, KeepTheirSideInEveryDtypeAndLayout) {
  const Shape shape{2, 3, 4};
  for (Dtype dtype : all_dtypes()) {
    const Values x = counting(shape, dtype);
    for (const auto& [layout, a] : layouts(x, shape, dtype)) {
      for (int k : {-5, -1, 0, 2, 9}) {
        Values lower(x.size()), upper(x.size());
        for (size_t p = 0; p < x.size(); ++p) {
          const Shape i = unravel(static_cast<int64_t>(p), shape);
          lower[p] = i[2] - i[1] <= k ? x[p] : 0;
          upper[p] = i[2] - i[1] >= k ? x[p] : 0;
        }
        ASSERT_EQ(values(tril(a, k)), lower) << layout << ' ' << dtype_name(dtype) << ' ' << k;
        ASSERT_EQ(values(triu(a, k)), upper) << layout << ' ' << dtype_name(dtype) << ' ' << k;
      }
    }
  }
}

TEST(Meshgrid, OrdersItsAxes) {
  const std::vector<array> in{array({1, 2, 3}), array({4, 5})};
  const auto xy = meshgrid(in);
  const auto ij = meshgrid(in, false, "ij");
  const auto sparse = meshgrid(in, true, "ij");
  expect_rows({
      {"xy 0", xy[0], int32, {2, 3}, {1, 2, 3, 1, 2, 3}},
      {"xy 1", xy[1], int32, {2, 3}, {4, 4, 4, 5, 5, 5}},
      {"ij 0", ij[0], int32, {3, 2}, {1, 1, 2, 2, 3, 3}},
      {"ij 1", ij[1], int32, {3, 2}, {4, 5, 4, 5, 4, 5}},
      {"sparse 0", sparse[0], int32, {3, 1}, {1, 2, 3}},
      {"sparse 1", sparse[1], int32, {1, 2}, {4, 5}},
      {"scalar", meshgrid({array(7)})[0], int32, {1}, {7}},
      {"matrix", meshgrid({array({1, 2, 3, 4}, {2, 2})})[0], int32, {4}, {1, 2, 3, 4}},
  });
}

TEST(Windows, FollowTheirFormulas) {
  const auto formula = [](int n, const std::function<double(double)>& f) {
    Values out;
    for (int i = 0; i < n; ++i) {
      out.push_back(f(static_cast<double>(i) / (n - 1)));
    }
    return out;
  };
  const auto wave = [](double t, int k) { return std::cos(2 * std::numbers::pi * k * t); };
  expect_rows(
      {
          {"hanning",
           hanning(9),
           float32,
           {9},
           formula(9, [&](double t) { return 0.5 - 0.5 * wave(t, 1); })},
          {"hamming",
           hamming(9),
           float32,
           {9},
           formula(9, [&](double t) { return 0.54 - 0.46 * wave(t, 1); })},
          {"blackman",
           blackman(9),
           float32,
           {9},
           formula(9, [&](double t) { return 0.42 - 0.5 * wave(t, 1) + 0.08 * wave(t, 2); })},
          {"bartlett",
           bartlett(9),
           float32,
           {9},
           formula(9, [](double t) { return 1 - std::abs(2 * t - 1); })},
          {"one", hanning(1), float32, {1}, {1}},
          {"one bartlett", bartlett(1), float32, {1}, {1}},
          {"none", hamming(0), float32, {0}, {}},
          {"negative", bartlett(-1), float32, {0}, {}},
      },
      1e-6);
}

TEST(CreationErrors, ComeAtTheCallAndNameTheOperation) {
  struct BadCall {
    const char* name;
    std::function<void()> call;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  for (const BadCall& row : std::vector<BadCall>{
           {"arange", [] { arange(0, 3, 0); }},
           {"arange", [=] { arange(nan); }},
           {"arange", [=] { arange(inf); }},
           {"arange", [] { arange(3.0, bool_); }},
           {"arange", [] { arange(0.0, 1e18); }},
           {"linspace", [] { linspace(0, 1, -1); }},
           {"full", [] { zeros({-1}); }},
           {"full",
            [] {
              full({2, -1}, 1);
            }},
           {"broadcast_shapes",
            [] {
              full({3}, array({1, 2}));
            }},
           {"eye", [] { eye(-1); }},
           {"tri", [] { tri(2, -1, 0, float32); }},
           {"tril", [] { tril(zeros({3})); }},
           {"triu", [] { triu(array(1)); }},
           {"meshgrid", [] { meshgrid({array(1)}, false, "yx"); }},
       }) {
    const auto starts = testing::StartsWith(std::string("[") + row.name + "]");
    EXPECT_THAT(row.call, testing::ThrowsMessage<std::invalid_argument>(starts)) << row.name;
  }
}

}  // namespace
