// Reductions against plain loops, over all dtypes, axes and layouts.

#include "mlx/core/ops/reduce.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include "core/elements.h"
#include "mlx/core/base/error.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/transforms.h"
#include "tsv.h"

extern "C" void omp_set_num_threads(int);

using namespace mlx::core;
using namespace mlx::test;

namespace {

using Axes = std::vector<int>;
using Values = std::vector<double>;

// Small numbers that every dtype holds, and whose products all dtypes hold up to rounding.
array small_integers(const Shape& shape, Dtype dtype) {
  size_t count = 1;
  for (ShapeElem n : shape) {
    count *= static_cast<size_t>(n);
  }
  Values out(count);
  for (size_t i = 0; i < count; ++i) {
    const auto v = static_cast<int>(i * 7919 % 5);
    out[i] = dtype == bool_ || issubdtype(dtype, unsignedinteger) ? v % 3 : v - 2;
  }
  return make(out, shape, dtype);
}

// ---- the reference: groups of elements that reduce to one, in order of the result

std::vector<Values> groups_of(const array& a, const Axes& axes) {
  const auto all = values(a);
  std::vector<bool> reduced(a.ndim(), false);
  for (int axis : axes) {
    reduced[static_cast<size_t>(axis < 0 ? axis + static_cast<int>(a.ndim()) : axis)] = true;
  }
  size_t outputs = 1;
  for (size_t i = 0; i < a.ndim(); ++i) {
    outputs *= reduced[i] ? 1 : static_cast<size_t>(a.shape()[i]);
  }
  std::vector<Values> groups(outputs);
  for (size_t p = 0; p < all.size(); ++p) {
    size_t rest = p;
    size_t at = 0;
    size_t stride = 1;
    for (size_t i = a.ndim(); i-- > 0;) {
      const auto n = static_cast<size_t>(a.shape()[i]);
      if (!reduced[i]) {
        at += rest % n * stride;
        stride *= n;
      }
      rest /= n;
    }
    groups[at].push_back(all[p]);
  }
  return groups;
}

double sum_of(const Values& v) { return std::accumulate(v.begin(), v.end(), 0.0); }
double mean_of(const Values& v) { return sum_of(v) / static_cast<double>(v.size()); }
double var_of(const Values& v) {
  const double mean = mean_of(v);
  double total = 0;
  for (double x : v) {
    total += (x - mean) * (x - mean);
  }
  return total / static_cast<double>(v.size());
}
double median_of(const Values& group) {
  Values v = group;
  std::sort(v.begin(), v.end());
  return (v[(v.size() - 1) / 2] + v[v.size() / 2]) / 2;
}
double logsumexp_of(const Values& v) {
  double total = 0;
  for (double x : v) {
    total += std::exp(x);
  }
  return std::log(total);
}

struct Reduction {
  const char* name;
  array (*over_axes)(const array&, const Axes&, bool);
  array (*over_all)(const array&);
  double (*expected)(const Values&);
  double units = 0;  // of the dtype's epsilon
};

#define REDUCTION(name, expected, units)                                                           \
  {                                                                                                \
#name,                                                                                         \
        [](const array& a, const Axes& axes,                                                       \
           bool keep) { return name(a, axes, keep); },                                             \
                                                    [](const array& a) { return name(a); },        \
                                                                                         expected, \
                                                                                         units     \
  }

const Reduction kReductions[] = {
    REDUCTION(sum, sum_of, 1),
    REDUCTION(
        prod,
        [](const Values& v) {
          return std::accumulate(v.begin(), v.end(), 1.0, std::multiplies<>());
        },
        1),
    REDUCTION(
        max, [](const Values& v) { return *std::max_element(v.begin(), v.end()); }, 0),
    REDUCTION(
        min, [](const Values& v) { return *std::min_element(v.begin(), v.end()); }, 0),
    REDUCTION(
        all,
        [](const Values& v) -> double {
          return std::all_of(v.begin(), v.end(), [](double x) { return x != 0; });
        },
        0),
    REDUCTION(
        any,
        [](const Values& v) -> double {
          return std::any_of(v.begin(), v.end(), [](double x) { return x != 0; });
        },
        0),
    REDUCTION(mean, mean_of, 4),
    REDUCTION(var, var_of, 8),
    REDUCTION(
        mlx::core::std, [](const Values& v) { return std::sqrt(var_of(v)); }, 8),
    REDUCTION(median, median_of, 1),
    REDUCTION(logsumexp, logsumexp_of, 8),
    REDUCTION(
        count_nonzero,
        [](const Values& v) {
          return static_cast<double>(v.size()) -
                 static_cast<double>(std::count(v.begin(), v.end(), 0.0));
        },
        0),
};

void expect_reduced(const Reduction& op, const array& a, const Axes& axes, const char* layout) {
  const auto groups = groups_of(a, axes);
  const array kept = op.over_axes(a, axes, true);
  const array dropped = op.over_axes(a, axes, false);
  const auto got = values(kept);
  ASSERT_EQ(got, values(dropped)) << op.name;
  ASSERT_EQ(got.size(), groups.size()) << op.name;
  EXPECT_EQ(kept.ndim(), a.ndim());
  EXPECT_EQ(dropped.ndim(), a.ndim() - axes.size());
  const double unit = op.units * epsilon(kept.dtype());
  for (size_t i = 0; i < got.size(); ++i) {
    const double expected = op.expected(groups[i]);
    ASSERT_NEAR(got[i], expected, unit * std::max(1.0, std::abs(expected)))
        << op.name << " of " << concat(a.dtype()) << ", " << layout << ", element " << i;
  }
}

// Every subset of three axes but the empty one.
std::vector<Axes> axes_of_three() {
  return {{0}, {1}, {2}, {0, 1}, {1, 2}, {0, 2}, {0, 1, 2}, {-1}, {-1, 0}};
}

class EveryReduction : public ::testing::TestWithParam<Reduction> {};

TEST_P(EveryReduction, TakesEveryDtypeAndAxes) {
  for (Dtype dtype : all_dtypes()) {
    const array a = small_integers({3, 4, 5}, dtype);
    for (const Axes& axes : axes_of_three()) {
      expect_reduced(GetParam(), a, axes, "row-major");
    }
    EXPECT_EQ(values(GetParam().over_all(a)), values(GetParam().over_axes(a, {0, 1, 2}, false)));
  }
}

TEST_P(EveryReduction, TakesEveryLayout) {
  const array a = small_integers({6, 7, 8}, float32);
  const std::pair<const char*, array> layouts[] = {
      {"transposed", transpose(a, {2, 0, 1})},
      {"strided", slice(a, Shape{0, 1, 0}, Shape{6, 7, 8}, Shape{3, 2, 4})},
      {"flipped", flip(a, Axes{0, 2})},
      {"broadcast", broadcast_to(slice(a, Shape{0, 0, 0}, Shape{6, 1, 8}), {6, 4, 8})},
      {"of ones", reshape(slice(a, Shape{0, 0, 0}, Shape{6, 1, 8}), {6, 8, 1})},
  };
  for (const auto& [name, x] : layouts) {
    for (const Axes& axes : axes_of_three()) {
      expect_reduced(GetParam(), x, axes, name);
    }
  }
}

// Rows longer than a tile, blocks for several threads, many accumulators.
TEST_P(EveryReduction, TakesEverySize) {
  for (const Shape& shape : {Shape{300, 1, 700}, Shape{5, 3, 5000}, Shape{5000, 3, 5}}) {
    const array a = multiply(small_integers(shape, float32), array(0.25f));
    for (const Axes& axes : {Axes{0}, Axes{1, 2}, Axes{2}, Axes{0, 1}}) {
      if (std::string_view(GetParam().name) != "prod") {
        expect_reduced(GetParam(), a, axes, "large");
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Reduce, EveryReduction, ::testing::ValuesIn(kReductions),
                         [](const auto& info) {
                           const std::string name = info.param.name;
                           return name.substr(name.rfind(':') + 1);
                         });

// ---- dtypes, shapes, special values, errors

TEST(Reduce, DtypesAreThoseOfTheReference) {
  using Function = std::function<array(const array&)>;
  const std::map<std::string, Function> functions = {
      {"all", [](const array& a) { return all(a, 0); }},
      {"any", [](const array& a) { return any(a, 0); }},
      {"argmax", [](const array& a) { return argmax(a, 0); }},
      {"argmin", [](const array& a) { return argmin(a, 0); }},
      {"count_nonzero", [](const array& a) { return count_nonzero(a, 0); }},
      {"cummax", [](const array& a) { return cummax(a, 0); }},
      {"cummin", [](const array& a) { return cummin(a, 0); }},
      {"cumprod", [](const array& a) { return cumprod(a, 0); }},
      {"cumsum", [](const array& a) { return cumsum(a, 0); }},
      {"logcumsumexp", [](const array& a) { return logcumsumexp(a, 0); }},
      {"logsumexp", [](const array& a) { return logsumexp(a, 0); }},
      {"max", [](const array& a) { return max(a, 0); }},
      {"mean", [](const array& a) { return mean(a, 0); }},
      {"median", [](const array& a) { return median(a, 0); }},
      {"min", [](const array& a) { return min(a, 0); }},
      {"prod", [](const array& a) { return prod(a, 0); }},
      {"softmax", [](const array& a) { return softmax(a, -1); }},
      {"softmax(precise,axis=-1)", [](const array& a) { return softmax(a, -1, true); }},
      {"softmax(axis=0 of 2d)",
       [](const array& a) {
         return softmax(stack({a, a}, 0), 0);
       }},
      {"std", [](const array& a) { return mlx::core::std(a, 0); }},
      {"sum", [](const array& a) { return sum(a, 0); }},
      {"var", [](const array& a) { return var(a, 0); }},
  };
  const auto rows = read_tsv("dtype_unary_reduce.tsv");
  size_t found = 0;
  for (const auto& row : rows) {
    const auto function = functions.find(row[0]);
    if (function == functions.end()) {
      continue;
    }
    ++found;
    for (size_t i = 0; i < all_dtypes().size(); ++i) {
      const array result = function->second(make({1, 0}, all_dtypes()[i]));
      const std::string expected = row[i + 1] == "bool_" ? concat(bool_) : row[i + 1];
      EXPECT_EQ(concat(result.dtype()), expected) << row[0] << " of " << concat(all_dtypes()[i]);
    }
  }
  EXPECT_EQ(found, functions.size());
}

TEST(Reduce, NoAxesReturnTheArrayItself) {
  const array a = make({1, 0, 1}, bool_);
  EXPECT_EQ(sum(a, Axes{}).id(), a.id());
  EXPECT_EQ(prod(a, Axes{}).id(), a.id());
  EXPECT_EQ(max(a, Axes{}).id(), a.id());
  EXPECT_EQ(min(a, Axes{}).id(), a.id());
  EXPECT_EQ(values(all(make({2, 0}, int32), Axes{})), (Values{1, 0}));
  EXPECT_EQ(values(any(make({2, 0}, int32), Axes{})), (Values{1, 0}));
}

TEST(Reduce, NothingReducesToTheIdentity) {
  const array none = make({}, {0, 3}, float32);
  EXPECT_EQ(values(sum(none, 0)), (Values{0, 0, 0}));
  EXPECT_EQ(values(prod(none, 0)), (Values{1, 1, 1}));
  EXPECT_EQ(values(all(none)), (Values{1}));
  EXPECT_EQ(values(any(none)), (Values{0}));
  EXPECT_TRUE(std::isnan(values(mean(none))[0]));
  EXPECT_EQ(sum(none, 1).shape(), Shape{0});
  EXPECT_EQ(values(max(none, 1)).size(), 0u);
  EXPECT_THROW(max(none, 0), std::invalid_argument);
  EXPECT_THROW(min(none), std::invalid_argument);
  EXPECT_THROW(argmax(none), std::invalid_argument);
  EXPECT_THROW(argmin(none, 0), std::invalid_argument);
  EXPECT_THROW(logsumexp(none), std::invalid_argument);
  EXPECT_THROW(median(none), std::invalid_argument);
}

TEST(Reduce, NanAndInfinityComeThrough) {
  for (Dtype dtype : {float16, bfloat16, float32, float64}) {
    for (size_t where : {size_t(0), size_t(50), size_t(99)}) {
      Values v(100, 1);
      v[where] = kNan;
      const array a = make(v, dtype);
      EXPECT_TRUE(std::isnan(values(max(a))[0])) << where;
      EXPECT_TRUE(std::isnan(values(min(a))[0])) << where;
      EXPECT_TRUE(std::isnan(values(sum(a))[0])) << where;
      const array columns = reshape(a, {100, 1});
      EXPECT_TRUE(std::isnan(values(max(broadcast_to(columns, {100, 3}), 0))[1])) << where;
      EXPECT_EQ(values(argmax(a))[0], 0) << "a NaN wins only in the first position";
    }
    EXPECT_EQ(values(max(make({-kInf, -kInf}, dtype)))[0], -kInf);
    EXPECT_EQ(values(sum(make({kInf, 1}, dtype)))[0], kInf);
    EXPECT_TRUE(std::isnan(values(sum(make({kInf, -kInf}, dtype)))[0]));
    EXPECT_EQ(values(logsumexp(make({-kInf, -kInf}, dtype)))[0], -kInf);
    EXPECT_EQ(values(logsumexp(make({kInf, 1}, dtype)))[0], kInf);
  }
  EXPECT_TRUE(std::isnan(values(median(make({kNan, 1, 2}, float32)))[0]));
}

TEST(Reduce, IntegersWrap) {
  EXPECT_EQ(values(sum(make({200, 100}, uint8)))[0], 300);
  EXPECT_EQ(values(sum(make({2147483647, 1}, int32)))[0], -2147483648.0);
  EXPECT_EQ(values(prod(make({65536, 65536}, int32)))[0], 0);
  EXPECT_EQ(values(max(make({-128, -3}, int8)))[0], -3);
}

TEST(Reduce, ComplexNumbersAddMultiplyAndCompare) {
  const array a = make_complex({{1, 2}, {1, 3}, {0, 9}});
  EXPECT_EQ(complex_values(sum(a))[0], std::complex<double>(2, 14));
  EXPECT_EQ(complex_values(prod(a))[0], std::complex<double>(-45, -45));
  EXPECT_EQ(complex_values(max(a))[0], std::complex<double>(1, 3));
  EXPECT_EQ(complex_values(min(a))[0], std::complex<double>(0, 9));
  EXPECT_NEAR(values(var(a))[0], 88.0 / 9, 1e-5);
}

TEST(Reduce, BadAxesThrow) {
  const array a = make({1, 2, 3, 4}, {2, 2}, float32);
  const std::function<array()> out_of_range[] = {
      [&] { return sum(a, 5); },         [&] { return max(a, -3); },
      [&] { return all(a, 2); },         [&] { return argmax(a, 5); },
      [&] { return softmax(a, 4); },     [&] { return logsumexp(a, 4); },
      [&] { return prod(array(1), 0); },
  };
  for (const auto& call : out_of_range) {
    EXPECT_THROW(call(), std::out_of_range);
  }
  const std::function<array()> invalid[] = {
      [&] { return mean(a, 5); },          [&] { return cumsum(a, 4); },
      [&] { return cummax(a, -3); },       [&] { return sum(a, Axes{0, 0}); },
      [&] { return sum(a, Axes{0, -2}); },
  };
  for (const auto& call : invalid) {
    EXPECT_THROW(call(), std::invalid_argument);
  }
}

TEST(Reduce, VarianceDividesByWhatIsLeft) {
  const array a = make({1, 2, 4}, float32);
  EXPECT_NEAR(values(var(a, false, 1))[0], 7.0 / 3, 1e-6);
  EXPECT_NEAR(values(mlx::core::std(a, 0, false, 1))[0], std::sqrt(7.0 / 3), 1e-6);
  EXPECT_EQ(values(var(a, false, 3))[0], kInf);
  EXPECT_TRUE(std::isnan(values(var(make({1}, float32), false, 1))[0]));
}

// Far from zero, in rows of any length, along any axis and over blocks that are merged.
TEST(Reduce, VarianceOfFloat32IsRoundedOnce) {
  for (const Shape& shape : {Shape{3, 7}, Shape{33, 5}, Shape{70, 300}, Shape{3000, 70}}) {
    const array wave = sin(arange(0, shape[0] * shape[1], 1, float32));
    const array x = add(multiply(reshape(wave, shape), array(0.01f)), array(1000.0f));
    for (const array& a : {x, transpose(x), slice(x, {1, 0}, shape, {2, 1})}) {
      for (const Axes& axes : {Axes{0}, Axes{1}, Axes{0, 1}}) {
        const auto got = values(var(a, axes)), want = values(var(astype(a, float64), axes));
        for (size_t i = 0; i < want.size(); ++i) {
          EXPECT_NEAR(got[i], want[i], want[i] * 6e-8)
              << concat(shape, ", ", axes.size(), " axes from ", axes[0]);
        }
      }
    }
  }
  EXPECT_EQ(values(var(full({1000}, array(0.1f))))[0], 0);
  EXPECT_NEAR(values(var(make({1e8, 1, 2, 3}, float32)))[0], 1.874999925e15, 1e8);
  EXPECT_TRUE(std::isnan(values(var(make({1, kInf}, float32)))[0]));
  EXPECT_TRUE(std::isnan(values(var(make({1, kNan}, float32)))[0]));
  EXPECT_TRUE(std::isnan(values(var(zeros({0})))[0]));
}

// ---- argmax and argmin

TEST(ArgReduce, FindsTheFirstOfEqualsInEveryDtype) {
  for (Dtype dtype : all_dtypes()) {
    const array a = small_integers({3, 4, 5}, dtype);
    for (int axis : {0, 1, 2, -1}) {
      const auto groups = groups_of(a, {axis});
      const auto high = values(argmax(a, axis));
      const auto low = values(argmin(a, axis, true));
      for (size_t i = 0; i < groups.size(); ++i) {
        const auto& g = groups[i];
        EXPECT_EQ(high[i], std::max_element(g.begin(), g.end()) - g.begin()) << concat(dtype);
        EXPECT_EQ(low[i], std::min_element(g.begin(), g.end()) - g.begin()) << concat(dtype);
      }
    }
    EXPECT_EQ(argmax(a, true).shape(), (Shape{1, 1, 1}));
    EXPECT_EQ(argmin(a).dtype(), uint32);
  }
}

TEST(ArgReduce, TakesLongAndStridedLines) {
  Values v(10'000, 0);
  v[7777] = 1;
  v[9000] = 1;
  const array a = make(v, float32);
  EXPECT_EQ(values(argmax(a))[0], 7777);
  EXPECT_EQ(values(argmax(flip(a, 0)))[0], 999);
  EXPECT_EQ(values(argmax(transpose(reshape(a, {100, 100})), 0))[77], 77);
  EXPECT_EQ(values(argmin(multiply(a, array(-1.0f))))[0], 7777);
}

// ---- comparisons of whole arrays

TEST(ArrayEqual, ComparesShapesValuesAndNan) {
  const array a = make({1, kNan}, float32);
  EXPECT_FALSE(array_equal(a, a).item<bool>());
  EXPECT_TRUE(array_equal(a, a, true).item<bool>());
  EXPECT_TRUE(array_equal(make({1, 2}, int32), make({1, 2}, float32)).item<bool>());
  EXPECT_FALSE(array_equal(make({1, 2}, int32), make({1, 3}, int32)).item<bool>());
  EXPECT_FALSE(array_equal(make({1}, int32), make({1, 1}, int32)).item<bool>());
  EXPECT_TRUE(array_equal(make({}, float32), make({}, float32)).item<bool>());
}

TEST(Allclose, AllowsTheTolerance) {
  const array a = make({1, 100}, float32);
  EXPECT_TRUE(allclose(a, make({1.000001, 100.0001}, float32)).item<bool>());
  EXPECT_FALSE(allclose(a, make({1.001, 100}, float32)).item<bool>());
  EXPECT_TRUE(allclose(a, make({1.001, 100}, float32), 1e-2).item<bool>());
  EXPECT_FALSE(allclose(make({kNan}, float32), make({kNan}, float32)).item<bool>());
  EXPECT_TRUE(
      allclose(make({kNan}, float32), make({kNan}, float32), 1e-5, 1e-8, true).item<bool>());
}

// ---- accuracy, fusion, threads

TEST(Reduce, SumsOfTenMillionAreRightToAMillionth) {
  const ShapeElem n = 10'000'000;
  const array tenth(0.1f);
  const array flat = add(zeros({n}), tenth);
  const double exact = static_cast<double>(0.1f);
  const auto expect_close = [&](const array& a, double count) {
    for (double v : values(a)) {
      ASSERT_NEAR(v, exact * count, 1e-6 * exact * count);
    }
  };
  expect_close(sum(flat), 1e7);
  expect_close(sum(reshape(flat, {10, n / 10}), 1), 1e6);
  expect_close(sum(reshape(flat, {n / 10, 10}), 0), 1e6);
  expect_close(sum(transpose(reshape(flat, {n / 10, 10})), 1), 1e6);
  expect_close(sum(reshape(flat, {1000, 10, 1000}), Axes{0, 2}), 1e6);
  expect_close(cumsum(slice(flat, Shape{0}, Shape{1})), 1);
}

TEST(Reduce, MeansOfHalfTypesDoNotLoseTheCount) {
  for (Dtype dtype : {float16, bfloat16}) {
    EXPECT_EQ(values(mean(ones({1 << 20}, dtype)))[0], 1) << concat(dtype);
    EXPECT_EQ(values(mean(full({1 << 16}, array(1000.0f, dtype))))[0],
              values(array(1000.0f, dtype))[0]);
  }
}

TEST(Reduce, FusedProducersGiveTheSameValues) {
  const array x = small_integers({40, 50}, float32);
  const array row = small_integers({50}, float32);
  for (const Axes& axes : {Axes{0}, Axes{1}, Axes{0, 1}}) {
    array squares = square(subtract(x, row));
    const array fused = sum(square(subtract(x, row)), axes);
    squares.eval();
    EXPECT_EQ(values(fused), values(sum(squares, axes)));
    EXPECT_EQ(values(max(exp(x), axes)), values(exp(max(x, axes))));
  }
  EXPECT_EQ(values(all(equal(x, x)))[0], 1);
}

TEST(Reduce, ResultsDoNotDependOnTheNumberOfThreads) {
  const array a = sin(arange(0.0, 600'000.0));
  const std::function<array()> calls[] = {
      [&] { return sum(a); },
      [&] {
        return sum(reshape(a, {600, 1000}), 0);
      },
      [&] {
        return sum(reshape(a, {1000, 600}), 1);
      },
      [&] { return prod(add(a, array(1.0f))); },
      [&] {
        return softmax(reshape(a, {1000, 600}), 1);
      },
  };
  for (const auto& call : calls) {
    omp_set_num_threads(1);
    const auto one = values(call());
    omp_set_num_threads(3);
    const auto three = values(call());
    EXPECT_EQ(one, three);
  }
}

// ---- derivatives

TEST(Reduce, ExtremesShareTheGradientAmongEquals) {
  const array x = make({1, 3, 3}, float32);
  EXPECT_EQ(values(grad([](const array& v) { return max(v); })(x)), (Values{0, 0.5, 0.5}));
  EXPECT_EQ(values(grad([](const array& v) { return min(v); })(x)), (Values{1, 0, 0}));
}

TEST(Reduce, ProductsHaveGradientsAlsoAtZero) {
  const auto gradient = [](const Values& v) {
    return values(grad([](const array& x) { return prod(x); })(make(v, float32)));
  };
  EXPECT_EQ(gradient({2, 3, 4}), (Values{12, 8, 6}));
  EXPECT_EQ(gradient({2, 0, 4}), (Values{0, 8, 0}));
  EXPECT_EQ(gradient({0, 0, 4}), (Values{0, 0, 0}));
}

}  // namespace
