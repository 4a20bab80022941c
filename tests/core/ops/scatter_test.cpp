// Scatter against loops over every update; the errors of all indexing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>

#include "core/elements.h"
#include "core/layouts.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/transforms.h"

using namespace mlx::core;
using namespace mlx::test;

namespace {

using Values = std::vector<double>;
using Indices = std::vector<array>;
using Axes = std::vector<int>;

struct Mode {
  const char* name;
  array (*all)(const array&, const Indices&, const array&, const Axes&, StreamOrDevice);
  array (*one)(const array&, const array&, const array&, int, StreamOrDevice);
  double (*combine)(double old, double update);
};

const std::vector<Mode> kModes{
    {"assign", scatter, scatter, [](double, double u) { return u; }},
    {"add", scatter_add, scatter_add, [](double x, double u) { return x + u; }},
    {"prod", scatter_prod, scatter_prod, [](double x, double u) { return x * u; }},
    {"max", scatter_max, scatter_max, [](double x, double u) { return std::max(x, u); }},
    {"min", scatter_min, scatter_min, [](double x, double u) { return std::min(x, u); }},
};

// Small numbers, so that products fit every dtype.
Values small(const Shape& shape, Dtype dtype) {
  Values out(static_cast<size_t>(count_of(shape)));
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = dtype == bool_ ? static_cast<double>(i % 2) : static_cast<double>(1 + i * 7 % 3);
  }
  return out;
}

// bool adds by or.
double as(Dtype dtype, double value) { return dtype == bool_ ? std::min(value, 1.0) : value; }

TEST(Scatter, AppliesEveryUpdateInOrder) {
  const Shape shape{4, 3};
  const Values rows{2, 0, 2, 3, 2};
  const Shape updates_shape{5, 1, 3};
  for (const Mode& mode : kModes) {
    for (Dtype dtype : all_dtypes()) {
      const Values x = small(shape, dtype), u = small(updates_shape, dtype);
      Values expected = x;
      for (size_t k = 0; k < rows.size(); ++k) {
        for (size_t c = 0; c < 3; ++c) {
          double& target = expected[static_cast<size_t>(rows[k]) * 3 + c];
          target = as(dtype, mode.combine(target, u[k * 3 + c]));
        }
      }
      for (const auto& [x_layout, a] : layouts(x, shape, dtype)) {
        for (const auto& [u_layout, updates] : layouts(u, updates_shape, dtype)) {
          const array out = mode.one(a, make(rows, int16), updates, 0, {});
          ASSERT_EQ(out.dtype(), dtype);
          ASSERT_EQ(values(out), expected)
              << mode.name << ' ' << dtype_name(dtype) << ' ' << x_layout << ' ' << u_layout;
        }
      }
    }
  }
}

TEST(Scatter, TakesSeveralIndexArraysAndSlices) {
  const Shape shape{4, 3, 5};
  const Shape updates_shape{2, 2, 1, 3, 2};  // indices [2, 2]; slices [1, 3, 2]
  const Values first{0, 3}, last{1, -2};
  for (const Mode& mode : kModes) {
    const Values x = small(shape, int32), u = small(updates_shape, int32);
    Values expected = x;
    for (int64_t p = 0; p < count_of(updates_shape); ++p) {
      const Shape i = unravel(p, updates_shape);
      const auto at = static_cast<ShapeElem>(last[static_cast<size_t>(i[1])]);
      const Shape target{static_cast<ShapeElem>(first[static_cast<size_t>(i[0])]), i[3],
                         (at < 0 ? at + 5 : at) + i[4]};
      double& value = expected[static_cast<size_t>(ravel(target, shape))];
      value = mode.combine(value, u[static_cast<size_t>(p)]);
    }
    const array out =
        mode.all(make(x, shape, int32), {make(first, {2, 1}, uint8), make(last, int64)},
                 make(u, updates_shape, int32), {0, 2}, {});
    EXPECT_EQ(values(out), expected) << mode.name;
  }
}

TEST(Scatter, LeavesItsInputAlone) {
  const array x = make({1, 2, 3}, float32);
  EXPECT_EQ(values(scatter_add(x, array({0}), make({5}, {1, 1}, float32), 0)), (Values{6, 2, 3}));
  EXPECT_EQ(values(x), (Values{1, 2, 3}));
}

TEST(Scatter, OfNothingIsTheArray) {
  const array x = make({1, 2, 3}, float32);
  EXPECT_EQ(values(scatter(x, zeros({0}, int32), zeros({0, 1}), 0)), (Values{1, 2, 3}));
  EXPECT_EQ(scatter_add(zeros({0, 3}), zeros({0}, int32), zeros({0, 0, 3}), 0).shape(),
            (Shape{0, 3}));
}

TEST(Scatter, PropagatesNan) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const array x = make({nan, 1}, float32);
  const array u = make({0, nan}, {2, 1}, float32);
  for (const auto& out :
       {scatter_max(x, array({0, 1}), u, 0), scatter_min(x, array({0, 1}), u, 0)}) {
    EXPECT_THAT(values(out), testing::Each(testing::IsNan()));
  }
}

TEST(Scatter, WrapsIntegersAndOrdersSignedOnes) {
  const array at({0});
  EXPECT_EQ(values(scatter_add(make({127}, int8), at, make({2}, {1, 1}, int8), 0)), Values{-127});
  EXPECT_EQ(values(scatter_prod(make({65535}, uint16), at, make({65535}, {1, 1}, uint16), 0)),
            Values{1});
  EXPECT_EQ(values(scatter_max(make({-5}, int64), at, make({3}, {1, 1}, int64), 0)), Values{3});
  EXPECT_EQ(values(scatter_max(make({250}, uint8), at, make({3}, {1, 1}, uint8), 0)), Values{250});
}

TEST(Scatter, AddsHalvesWithoutLosingSmallTerms) {
  const int count = 5000;
  for (Dtype dtype : {float16, bfloat16}) {
    const array index = zeros({count}, int32);
    const array sum = scatter_add(zeros({1}, dtype), index, ones({count, 1}, dtype), 0);
    EXPECT_NEAR(values(sum)[0], count, count * epsilon(dtype)) << dtype_name(dtype);
    const array along = scatter_add_axis(zeros({1}, dtype), index, ones({count}, dtype), 0);
    EXPECT_NEAR(values(along)[0], count, count * epsilon(dtype)) << dtype_name(dtype);
  }
}

TEST(Scatter, AddsLargeTablesFromSeveralThreads) {
  const int n = 500, width = 257, count = 4000;
  const array index = remainder(multiply(arange(0, count), array(7919)), array(n));
  const array updates = remainder(reshape(arange(0, count * width), {count, 1, width}), array(11));
  const array one_hot = astype(equal(expand_dims(arange(0, n), 1), index), float32);
  const array expected = matmul(one_hot, astype(squeeze(updates, 1), float32));
  const array out = scatter_add(zeros({n, width}, int32), index, updates, 0);
  EXPECT_TRUE(array_equal(out, expected).item<bool>());
}

// ---- along an axis

TEST(ScatterAlongAxis, WritesEveryDtypeLayoutAndAxis) {
  const Shape shape{3, 4, 2};
  for (int axis : {0, 1, -1}) {
    const auto at = static_cast<size_t>(axis < 0 ? axis + 3 : axis);
    Shape index_shape = shape;
    index_shape[at] = 3;
    Values index(static_cast<size_t>(count_of(index_shape)));
    for (size_t i = 0; i < index.size(); ++i) {
      index[i] = static_cast<double>(static_cast<ShapeElem>(i * 5 % 7) % shape[at]);
    }
    for (Dtype dtype : all_dtypes()) {
      const Values x = small(shape, dtype), u = small(index_shape, dtype);
      Values put = x, added = x;
      for (size_t p = 0; p < index.size(); ++p) {
        Shape target = unravel(static_cast<int64_t>(p), index_shape);
        target[at] = static_cast<ShapeElem>(index[p]);
        const auto t = static_cast<size_t>(ravel(target, shape));
        put[t] = u[p];
        added[t] = as(dtype, added[t] + u[p]);
      }
      const array updates = make(u, index_shape, dtype);
      for (const auto& [layout, a] : layouts(x, shape, dtype)) {
        const array where_to = make(index, index_shape, uint8);
        ASSERT_EQ(values(put_along_axis(a, where_to, updates, axis)), put) << layout << axis;
        ASSERT_EQ(values(scatter_add_axis(a, where_to, updates, axis)), added) << layout << axis;
      }
    }
  }
}

TEST(ScatterAlongAxis, BroadcastsIndicesAndValues) {
  const array x = zeros({2, 3}, int32);
  EXPECT_EQ(values(put_along_axis(x, array({2}, {1, 1}), array(7), 1)), (Values{0, 0, 7, 0, 0, 7}));
  EXPECT_EQ(values(scatter_add_axis(x, array({-1, -1}, {2, 1}), make({1, 2, 3}, int32), 0)),
            (Values{0, 0, 0, 2, 4, 6}));
}

// What lies along an axis, against indices of the flat array.
TEST(AlongAxis, OfLargeArraysReadsAndWritesTheSameAsFlatIndices) {
  const Shape shape{3, 300, 150};
  const array x = reshape(arange(3 * 300 * 150), shape);
  const int steps[] = {300 * 150, 150, 1};
  const auto coordinates = [&](int axis) {
    Shape line(3, 1);
    line[axis] = shape[axis];
    return multiply(reshape(arange(static_cast<int>(shape[axis])), line), array(steps[axis]));
  };
  for (int axis = 0; axis < 3; ++axis) {
    // Every third index of the axis, and then all of them again in another order.
    const int size = static_cast<int>(shape[axis]);
    array line = concatenate(
        {arange(0, size, 3), remainder(multiply(arange(size), array(7)), array(size))}, 0);
    Shape index_shape = shape;
    index_shape[axis] = line.shape(0);
    Shape line_shape(3, 1);
    line_shape[axis] = line.shape(0);
    const array index = broadcast_to(reshape(line, line_shape), index_shape);
    array flat = multiply(index, array(steps[axis]));
    for (int other = 0; other < 3; ++other) {
      flat = other == axis ? flat : add(flat, coordinates(other));
    }
    EXPECT_TRUE(array_equal(take_along_axis(x, index, axis), flat).item<bool>()) << axis;
    const array turned = transpose(copy(transpose(x)));
    EXPECT_TRUE(array_equal(take_along_axis(turned, index, axis), flat).item<bool>()) << axis;
    const array updates = remainder(multiply(flat, array(31)), array(1009));
    const array cells = flatten(flat), values = reshape(updates, {-1, 1});
    EXPECT_TRUE(array_equal(flatten(put_along_axis(x, index, updates, axis)),
                            scatter(flatten(x), cells, values, 0))
                    .item<bool>())
        << axis;
    EXPECT_TRUE(array_equal(flatten(scatter_add_axis(x, index, updates, axis)),
                            scatter_add(flatten(x), cells, values, 0))
                    .item<bool>())
        << axis;
  }
}

// ---- masks

TEST(MaskedScatter, PutsValuesInOrderOfTruePositions) {
  const array mask = make({1, 0, 1, 1, 0, 1}, {2, 3}, bool_);
  for (Dtype dtype : all_dtypes()) {
    const Values x = counting({2, 3}, dtype);
    const Values u{1, 0, 0, 1};
    EXPECT_EQ(values(masked_scatter(make(x, {2, 3}, dtype), mask, make(u, float32))),
              (Values{1, x[1], 0, 0, x[4], 1}));
  }
}

TEST(MaskedScatter, MasksLeadingAxes) {
  const array x = zeros({3, 2}, int32);
  const array mask = make({1, 0, 1}, bool_);
  EXPECT_EQ(values(masked_scatter(x, mask, make({1, 2, 3, 4}, {2, 2}, int32))),
            (Values{1, 2, 0, 0, 3, 4}));
  EXPECT_EQ(values(masked_scatter(x, mask, array(9))), (Values{9, 9, 0, 0, 9, 9}));
}

TEST(MaskedScatter, LeavesNothingChosenAlone) {
  const array x = make({1, 2}, float32);
  const array none = zeros({2}, bool_);
  EXPECT_EQ(values(masked_scatter(x, none, make({5}, float32))), (Values{1, 2}));
  EXPECT_EQ(values(masked_scatter(x, none, zeros({0}))), (Values{1, 2}));
  EXPECT_EQ(masked_scatter(zeros({0, 2}), zeros({0}, bool_), x).shape(), (Shape{0, 2}));
}

// ---- errors

struct BadIndexing {
  const char* name;
  std::function<void()> call;
};

TEST(IndexingErrors, ComeAtTheCallAndNameTheOperation) {
  const array x = zeros({2, 3});
  const array k({0, 1});
  const array flags = make({1, 0}, bool_);
  const std::vector<BadIndexing> rows{
      {"take", [=] { take(x, k, 4); }},
      {"take", [=] { take(x, flags, 0); }},
      {"take", [=] { take(x, zeros({2}), 0); }},
      {"take", [=] { take(zeros({0}), k, 0); }},
      {"gather",
       [=] {
         gather(x, k, 2, {1, 1});
       }},
      {"gather",
       [=] {
         gather(x, {k, k}, {0}, {1, 1});
       }},
      {"gather",
       [=] {
         gather(x, {k, k}, {0, -2}, {1, 1});
       }},
      {"gather", [=] { gather(x, k, 0, {1}); }},
      {"gather",
       [=] {
         gather(x, k, 0, {3, 1});
       }},
      {"gather",
       [=] {
         gather(x, k, 0, {1, -1});
       }},
      {"gather",
       [=] {
         gather(x, flags, 0, {1, 1});
       }},
      {"take_along_axis", [=] { take_along_axis(x, k, 0); }},
      {"take_along_axis", [=] { take_along_axis(x, expand_dims(k, 0), 2); }},
      {"take_along_axis",
       [=] {
         take_along_axis(x, zeros({2, 1}), 1);
       }},
      {"put_along_axis", [=] { put_along_axis(x, k, x, 0); }},
      {"scatter_add_axis",
       [=] {
         scatter_add_axis(x, zeros({2, 1}, bool_), x, 1);
       }},
      {"scatter",
       [=] {
         scatter(x, k, zeros({2, 3}), 0);
       }},
      {"scatter",
       [=] {
         scatter(x, k, zeros({3, 1, 3}), 0);
       }},
      {"scatter_add",
       [=] {
         scatter_add(x, k, zeros({2, 1, 4}), 0);
       }},
      {"scatter_max",
       [=] {
         scatter_max(x, zeros({2}), zeros({2, 1, 3}), 0);
       }},
      {"scatter_min",
       [=] {
         scatter_min(x, k, zeros({2, 1, 3}), -3);
       }},
      {"scatter_prod",
       [=] {
         scatter_prod(x, {k, k}, zeros({2, 1, 1}), {1, 1});
       }},
      {"masked_scatter", [=] { masked_scatter(x, k, x); }},
      {"masked_scatter", [=] { masked_scatter(x, zeros({3}, bool_), x); }},
      {"masked_scatter",
       [=] {
         masked_scatter(x, zeros({2, 3, 1}, bool_), x);
       }},
  };
  for (const BadIndexing& row : rows) {
    const auto starts = testing::StartsWith(std::string("[") + row.name + "]");
    EXPECT_THAT(row.call, testing::ThrowsMessage<std::invalid_argument>(starts)) << row.name;
  }
}

TEST(IndexingErrors, AnIndexOutOfRangeIsSaidNotRead) {
  const array x = zeros({2, 3});
  const array updates = ones({1, 1, 3});
  const auto at = [](double value, Dtype dtype) { return make({value}, dtype); };
  const auto column = [&](double value) { return make({value, 0}, {2, 1}, int32); };
  const std::vector<BadIndexing> rows{
      {"take", [=] { eval(take(x, at(2, int32), 0)); }},
      {"take", [=] { eval(take(x, at(-3, int64), 0)); }},
      {"take", [=] { eval(take(x, subtract(zeros({1}, uint64), ones({1}, uint64)), 0)); }},
      {"take", [=] { eval(take(x, at(200, uint8), 1)); }},
      {"take", [=] { take(x, 2, 0); }},
      {"take", [=] { take(x, -7); }},
      {"gather",
       [=] {
         eval(gather(x, at(1, int32), 0, {2, 3}));
       }},
      {"take_along_axis", [=] { eval(take_along_axis(x, column(3), 1)); }},
      {"scatter", [=] { eval(scatter_add(x, at(-3, int32), updates, 0)); }},
      {"put_along_axis", [=] { eval(put_along_axis(x, column(-4), array(1), 1)); }},
      {"scatter_add_axis", [=] { eval(scatter_add_axis(x, column(3), array(1), 1)); }},
      {"take", [=] { eval(masked_scatter(x, ones({2}, bool_), zeros({5}))); }},
  };
  for (const BadIndexing& row : rows) {
    const auto starts = testing::StartsWith(std::string("[") + row.name + "]");
    EXPECT_THAT(row.call, testing::ThrowsMessage<std::out_of_range>(starts)) << row.name;
  }
}

// ---- gradients that finite differences at one point do not show

TEST(ScatterGradient, OfAProductWithZeros) {
  const auto product = [](const array& u) {
    return sum(scatter_prod(make({2, 3}, float32), array({0, 0, 1, 1}), u, 0));
  };
  const array u = make({0, 5, 0, 0}, {4, 1}, float32);
  EXPECT_EQ(values(grad(product)(u)), (Values{10, 0, 0, 0}));
}

TEST(TakeGradient, AddsUpRepeatedRows) {
  const auto loss = [](const array& table) {
    return sum(multiply(take(table, array({1, 1, 0}, {3}), 0), make({1, 2, 4}, {3, 1}, bfloat16)));
  };
  EXPECT_EQ(values(grad(loss)(ones({3, 2}, bfloat16))), (Values{4, 4, 3, 3, 0, 0}));
}

}  // namespace
