// Softmax and cumulative operations against plain loops.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/elements.h"
#include "mlx/core/base/error.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/transforms.h"

using namespace mlx::core;
using namespace mlx::test;

namespace {

using Values = std::vector<double>;

// Calls visit(line, result's line) for the lines along `axis`.
void for_each_line(const array& a, const array& result, int axis,
                   const std::function<void(const Values&, const Values&)>& visit) {
  const auto in = values(moveaxis(a, axis, -1));
  const auto out = values(moveaxis(result, axis, -1));
  ASSERT_EQ(in.size(), out.size());
  const auto n = static_cast<std::ptrdiff_t>(a.shape(axis));
  for (auto i = in.begin(), o = out.begin(); i != in.end(); i += n, o += n) {
    visit(Values(i, i + n), Values(o, o + n));
  }
}

array logits(const Shape& shape, Dtype dtype) {
  size_t count = 1;
  for (ShapeElem n : shape) {
    count *= static_cast<size_t>(n);
  }
  Values v(count);
  for (size_t i = 0; i < count; ++i) {
    v[i] = static_cast<double>(i * 7919 % 11) / 4 - (dtype == uint8 ? 0 : 1);
  }
  return make(v, shape, dtype);
}

void expect_softmax(const array& a, const array& got, int axis) {
  const double tolerance = std::max(4e-7, 2 * epsilon(got.dtype()));
  for_each_line(a, got, axis, [&](const Values& in, const Values& out) {
    double total = 0;
    for (double x : in) {
      total += std::exp(x);
    }
    for (size_t i = 0; i < in.size(); ++i) {
      ASSERT_NEAR(out[i], std::exp(in[i]) / total, tolerance) << concat(got.dtype());
    }
  });
}

TEST(Softmax, TakesEveryFloatAxisAndLayout) {
  for (Dtype dtype : {float16, bfloat16, float32, float64}) {
    const array a = logits({4, 5, 37}, dtype);
    for (const array& x : {a, transpose(a, {2, 0, 1}), flip(a, std::vector<int>{0, 2}),
                           broadcast_to(slice(a, Shape{0, 0, 0}, Shape{4, 1, 37}), {4, 3, 37})}) {
      for (int axis : {0, 1, 2, -1}) {
        for (bool precise : {false, true}) {
          expect_softmax(x, softmax(x, axis, precise), axis);
        }
      }
    }
  }
}

TEST(Softmax, TakesIntegersAndSeveralAxes) {
  const array a = logits({3, 8}, int32);
  expect_softmax(a, softmax(a, -1), 1);
  expect_softmax(logits({3, 8}, uint8), softmax(logits({3, 8}, uint8), -1), 1);
  const array b = logits({3, 8}, float32);
  expect_softmax(flatten(b), flatten(softmax(b)), 0);
  expect_softmax(flatten(b), flatten(softmax(b, std::vector<int>{0, 1}, true)), 0);
  EXPECT_EQ(values(softmax(array(3.0f)))[0], 1);
}

TEST(Softmax, DoesNotOverflow) {
  const array a = make({1e4, 1e4, -1e4}, float32);
  EXPECT_EQ(values(softmax(a, 0)), (Values{0.5, 0.5, 0}));
  EXPECT_EQ(values(softmax(reshape(a, {3, 1}), 0)), (Values{0.5, 0.5, 0}));
}

TEST(Softmax, InfiniteRows) {
  const auto rows = values(softmax(make({-kInf, 0, 0, -kInf}, {2, 2}, float32), 1));
  EXPECT_EQ(rows, (Values{0, 1, 1, 0}));
  for (const Values& row :
       {Values{-kInf, -kInf}, Values{kInf, 0}, Values{0, kNan}, Values{kNan, 0}}) {
    for (double v : values(softmax(make(row, float32), 0))) {
      EXPECT_TRUE(std::isnan(v)) << row[0] << " " << row[1];
    }
  }
}

TEST(Softmax, OfIntegersIsTruncatedUnlessOverTheLastAxis) {
  const array a = make({7, 0, 9, 2}, {2, 2}, uint32);
  EXPECT_EQ(values(softmax(a, 0)), (Values{0, 0, 0, 0}));
  EXPECT_EQ(values(softmax(slice(a, {0, 0}, {1, 2}), 0)), (Values{1, 1}));
  EXPECT_EQ(softmax(a, 1).dtype(), float32);
}

TEST(Softmax, TakesNothingAndLongRows) {
  EXPECT_EQ(softmax(make({}, {2, 0}, float32), 1).shape(), (Shape{2, 0}));
  EXPECT_EQ(values(softmax(make({}, {0, 2}, float32), 1)).size(), 0u);
  const array a = make(Values(100'000, 3), float32);
  EXPECT_NEAR(values(softmax(a, 0))[99'999], 1e-5, 1e-11);
}

TEST(Softmax, LeavesItsInputAlone) {
  array a = logits({4, 100}, float32);
  const auto before = values(a);
  softmax(a, -1).eval();
  EXPECT_EQ(values(a), before);
}

TEST(Softmax, GradientsOfRowsSumToZero) {
  const array x = logits({3, 5}, float32);
  const array weight = logits({5}, float32);
  for (int axis : {0, 1}) {
    const array g =
        grad([&](const array& v) { return sum(multiply(softmax(v, axis), weight)); })(x);
    for (double v : values(sum(g, axis))) {
      EXPECT_NEAR(v, 0, 1e-6);
    }
  }
}

TEST(Logsumexp, IsStable) {
  EXPECT_NEAR(values(logsumexp(make({1e4, 1e4}, float32)))[0], 1e4 + std::log(2), 1e-2);
  EXPECT_NEAR(values(logsumexp(make({-1e4, -1e4}, float32)))[0], -1e4 + std::log(2), 1e-2);
  const array g = grad([](const array& v) { return logsumexp(v); })(make({1e4, -kInf}, float32));
  EXPECT_EQ(values(g), (Values{1, 0}));
}

// ---- cumulative operations

struct Scan {
  const char* name;
  array (*run)(const array&, int, bool reverse, bool inclusive);
  double identity;
  double (*step)(double, double);
};

const Scan kScans[] = {
    {"cumsum", [](const array& a, int x, bool r, bool i) { return cumsum(a, x, r, i); }, 0,
     [](double a, double b) { return a + b; }},
    {"cumprod", [](const array& a, int x, bool r, bool i) { return cumprod(a, x, r, i); }, 1,
     [](double a, double b) { return a * b; }},
    {"cummax", [](const array& a, int x, bool r, bool i) { return cummax(a, x, r, i); }, -kInf,
     [](double a, double b) { return std::max(a, b); }},
    {"cummin", [](const array& a, int x, bool r, bool i) { return cummin(a, x, r, i); }, kInf,
     [](double a, double b) { return std::min(a, b); }},
    {"logcumsumexp", [](const array& a, int x, bool r, bool i) { return logcumsumexp(a, x, r, i); },
     -kInf, [](double a, double b) { return std::log(std::exp(a) + std::exp(b)); }},
};

Values scanned(Values line, const Scan& scan, bool reverse, bool inclusive) {
  if (reverse) {
    std::reverse(line.begin(), line.end());
  }
  double acc = scan.identity;
  for (double& v : line) {
    const double next = scan.step(acc, v);
    v = inclusive ? next : acc;
    acc = next;
  }
  if (reverse) {
    std::reverse(line.begin(), line.end());
  }
  return line;
}

void expect_scanned(const Scan& scan, const array& a, int axis) {
  for (bool reverse : {false, true}) {
    for (bool inclusive : {true, false}) {
      const array result = scan.run(a, axis, reverse, inclusive);
      const double tolerance = 4 * epsilon(result.dtype());
      for_each_line(a, result, axis, [&](const Values& in, const Values& out) {
        const Values expected = scanned(in, scan, reverse, inclusive);
        for (size_t i = 0; i < out.size(); ++i) {
          if (std::isfinite(expected[i])) {
            ASSERT_NEAR(out[i], expected[i], tolerance * std::max(1.0, std::abs(expected[i])))
                << scan.name << " " << concat(a.dtype()) << " " << axis << reverse << inclusive;
          } else if (issubdtype(a.dtype(), floating)) {
            ASSERT_EQ(out[i], expected[i]);
          }
        }
      });
    }
  }
}

TEST(Scan, TakesEveryAxisDirectionAndLayout) {
  for (const Scan& scan : kScans) {
    for (Dtype dtype : {float16, bfloat16, float32, float64}) {
      const array a = logits({3, 4, 6}, dtype);
      for (const array& x : {a, transpose(a, {2, 0, 1}), flip(a, std::vector<int>{0, 2})}) {
        for (int axis : {0, 1, 2, -1}) {
          expect_scanned(scan, x, axis);
        }
      }
    }
  }
}

TEST(Scan, TakesLongLines) {
  Values line(40'001);
  for (size_t i = 0; i < line.size(); ++i) {
    const double factors[] = {2, -1, 0.5, 1, -0.25, 4, 1};  // no product is far from 1
    line[i] = factors[i % 7];
  }
  for (const Scan& scan : kScans) {
    expect_scanned(scan, make(line, float32), 0);
  }
  expect_scanned(kScans[0], make(line, int32), 0);
  line[35'000] = kNan;
  const Values high = values(cummax(make(line, float32), 0));
  EXPECT_EQ(high[34'999], 4);
  EXPECT_TRUE(
      std::all_of(high.begin() + 35'000, high.end(), [](double v) { return std::isnan(v); }));
}

TEST(Scan, LogcumsumexpTakesIntegersAndComplexNumbers) {
  const array ints = logcumsumexp(array({1, 2, 3}));
  EXPECT_EQ(ints.dtype(), int32);
  EXPECT_TRUE(array_equal(ints, array({1, 2, 3})).item<bool>());
  const std::complex<float> z[] = {{1, 1}, {2, 0}, {3, -2}};
  array y = logcumsumexp(array(z, {3}, complex64));
  y.eval();
  std::complex<double> total = 0;
  for (int i = 0; i < 3; ++i) {
    total += std::exp(std::complex<double>(z[i]));
    EXPECT_NEAR(std::abs(std::complex<double>(y.data<complex64_t>()[i]) - std::log(total)), 0,
                1e-5);
  }
}

TEST(Scan, TakesIntegers) {
  for (const Scan& scan : kScans) {
    if (std::string_view(scan.name) == "logcumsumexp") {
      continue;
    }
    for (Dtype dtype : {int8, int16, int32, int64, uint8}) {
      expect_scanned(scan, logits({4, 6}, dtype), 1);
      expect_scanned(scan, logits({4, 6}, dtype), 0);
    }
  }
  EXPECT_EQ(values(cummax(make({1, 2, 1}, int32), 0, false, false)), (Values{-2147483648.0, 1, 2}));
  EXPECT_EQ(values(cummax(make({1, 2}, int16), 0, false, false)), (Values{-32768, 1}));
  EXPECT_EQ(values(cummin(make({1, 2}, int8), 0, false, false)), (Values{127, 1}));
  EXPECT_EQ(values(cummin(make({1, 2}, uint8), 0, true, false)), (Values{2, 255}));
  EXPECT_EQ(values(cummax(make({1, 0}, bool_), 0, false, false)), (Values{0, 1}));
}

TEST(Scan, TakesComplexBoolAndTheAskedDtype) {
  EXPECT_EQ(complex_values(cumprod(make_complex({{0, 1}, {0, 1}}), 0))[1],
            std::complex<double>(-1, 0));
  EXPECT_EQ(values(cumsum(make({1, 1, 1}, bool_), 0)), (Values{1, 2, 3}));
  EXPECT_EQ(values(cumprod(make({1, 0, 1}, bool_), 0)), (Values{1, 0, 0}));
  EXPECT_EQ(values(cumsum(make({200, 100}, uint8), 0)), (Values{200, 44}));
  EXPECT_EQ(values(cumsum(make({200, 100}, uint8), 0, false, true, int32)), (Values{200, 300}));
  EXPECT_EQ(cumprod(make({2, 3}, int8), 0, false, true, float32).dtype(), float32);
}

TEST(Scan, FlattensWithoutAnAxisAndTakesNothing) {
  EXPECT_EQ(values(cumsum(make({1, 2, 3, 4}, {2, 2}, int32))), (Values{1, 3, 6, 10}));
  EXPECT_EQ(cumsum(array(3.0f)).shape(), Shape{1});
  EXPECT_EQ(cummin(make({}, {2, 0}, float32), 1).shape(), (Shape{2, 0}));
}

TEST(Scan, NanStays) {
  const auto high = values(cummax(make({1, kNan, 2}, float32), 0));
  EXPECT_EQ(high[0], 1);
  EXPECT_TRUE(std::isnan(high[1]) && std::isnan(high[2]));
}

TEST(Scan, SumsOfTenMillionAreRightToAMillionth) {
  const ShapeElem n = 10'000'000;
  const array a = broadcast_to(array(0.1f), {n});
  const auto got = values(slice(cumsum(a, 0), Shape{n - 1}, Shape{n}));
  EXPECT_NEAR(got[0], static_cast<double>(0.1f) * 1e7, 1);
}

TEST(Scan, GradientsOfExtremesGoToTheirSource) {
  const auto gradient = [](array (*f)(const array&)) {
    return values(grad([&](const array& v) { return sum(f(v)); })(make({1, 3, 2, 4}, float32)));
  };
  EXPECT_EQ(gradient([](const array& v) { return cummax(v, 0); }), (Values{1, 2, 0, 1}));
  EXPECT_EQ(gradient([](const array& v) { return cummin(v, 0); }), (Values{4, 0, 0, 0}));
  EXPECT_EQ(gradient([](const array& v) { return cummax(v, 0, true); }), (Values{0, 0, 0, 4}));
}

TEST(Scan, GradientsOfProductsAreRightAtZero) {
  const auto gradient = [](const Values& v) {
    return values(grad([](const array& x) { return sum(cumprod(x, 0)); })(make(v, float32)));
  };
  EXPECT_EQ(gradient({2, 3, 4}), (Values{16, 10, 6}));
  EXPECT_EQ(gradient({2, 0, 4}), (Values{1, 10, 0}));
}

// By the definition: dy_i / dx_k = exp(x_k - y_i) for the k that y_i adds up.
Values logcumsumexp_gradient(const Values& x, const Values& g, bool reverse, bool inclusive) {
  const auto n = static_cast<int>(x.size());
  const auto adds = [&](int i, int k) { return k == i ? inclusive : (reverse ? k > i : k < i); };
  Values out(x.size(), 0);
  for (int i = 0; i < n; ++i) {
    for (int k = 0; k < n; ++k) {
      if (!adds(i, k)) continue;
      double ratio = 0;  // exp(y_i - x_k)
      for (int j = 0; j < n; ++j) ratio += adds(i, j) ? std::exp(x[j] - x[k]) : 0;
      out[k] += g[i] / ratio;
    }
  }
  return out;
}

TEST(LogcumsumexpGradient, IsRightForLargeNumbersAndGreatSpans) {
  const Values g{0.5, -2, 0, 1.5, 1, -0.25};
  const std::vector<Values> lines{{200, 201, 199, 202, 200, 198},
                                  {-300, -301, -299, -300.5, -302, -298},
                                  {-500, 0, 400, 1, -400, 401},
                                  {401, 1, -400, 0, 300, -500}};
  for (const Values& x : lines) {
    for (const bool reverse : {false, true}) {
      for (const bool inclusive : {false, true}) {
        const auto fun = [&](const array& a) { return logcumsumexp(a, 0, reverse, inclusive); };
        // The first result of an exclusive scan is -inf: its cotangent is of no account.
        const Values expected = logcumsumexp_gradient(x, g, reverse, inclusive);
        const Values got = values(vjp(fun, make(x, float32), make(g, float32)).second);
        for (size_t i = 0; i < x.size(); ++i) {
          EXPECT_NEAR(got[i], expected[i], 1e-4)
              << "element " << i << " of " << x[0] << reverse << inclusive;
        }
      }
    }
  }
}

}  // namespace
