// Gather and scatter against loops over every index.

#include "mlx/core/ops/indexing.h"

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
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/transforms.h"

using namespace mlx::core;
using namespace mlx::test;

namespace {

using Values = std::vector<double>;

const std::vector<Dtype>& index_dtypes() {
  static const std::vector<Dtype> dtypes{uint8, uint16, uint32, uint64, int8, int16, int32, int64};
  return dtypes;
}

// ---- reading

struct Reading {
  const char* name;
  Shape in;
  std::function<array(const array& x, const array& index)> op;
  Values index;
  Shape index_shape;
  Shape out;
  /// The input's index of an index of the result; at(i) is the index array's value.
  std::function<Shape(const Shape& i, const std::function<ShapeElem(Shape)>& at)> source;
};

std::vector<Reading> readings() {
  return {
      {"TakeRows",
       {4, 3},
       [](const array& x, const array& k) { return take(x, k, 0); },
       {2, 0, 2, 3, 1},
       {5},
       {5, 3},
       [](const Shape& i, const auto& at) {
         return Shape{at({i[0]}), i[1]};
       }},
      {"TakeColumns",
       {4, 3},
       [](const array& x, const array& k) { return take(x, k, -1); },
       {2, 0, 1, 1},
       {2, 2},
       {4, 2, 2},
       [](const Shape& i, const auto& at) {
         return Shape{i[0], at({i[1], i[2]})};
       }},
      {"TakeMiddle",
       {2, 5, 3},
       [](const array& x, const array& k) { return take(x, k, 1); },
       {4, 0},
       {2},
       {2, 2, 3},
       [](const Shape& i, const auto& at) {
         return Shape{i[0], at({i[1]}), i[2]};
       }},
      {"TakeScalarIndex",
       {2, 5},
       [](const array& x, const array& k) { return take(x, k, 1); },
       {3},
       {},
       {2},
       [](const Shape& i, const auto& at) {
         return Shape{i[0], at({})};
       }},
      {"TakeFlat",
       {2, 5},
       [](const array& x, const array& k) { return take(x, k); },
       {9, 0, 4},
       {3},
       {3},
       [](const Shape& i, const auto& at) {
         return unravel(at({i[0]}), {2, 5});
       }},
      {"TakeNothing",
       {2, 5},
       [](const array& x, const array& k) { return take(x, k, 0); },
       {},
       {0},
       {0, 5},
       [](const Shape&, const auto&) { return Shape{}; }},
      {"TakeOfNoRows",
       {0, 5},
       [](const array& x, const array& k) { return take(x, k, 1); },
       {1, 2},
       {2},
       {0, 2},
       [](const Shape&, const auto&) { return Shape{}; }},
      {"GatherOneAxis",
       {4, 3, 2},
       [](const array& x, const array& k) {
         return gather(x, k, 1, {2, 1, 2});
       },
       {2, 0},
       {2},
       {2, 2, 1, 2},
       [](const Shape& i, const auto& at) {
         return Shape{i[1], at({i[0]}), i[3]};
       }},
      {"GatherTwoAxes",
       {4, 5},
       [](const array& x, const array& k) {
         return gather(x, {k, reshape(k, {2, 1})}, {1, 0}, {1, 2});
       },
       {2, 3},
       {2},
       {2, 2, 1, 2},
       [](const Shape& i, const auto& at) {
         return Shape{at({i[0]}), at({i[1]}) + i[3]};
       }},
      {"GatherNothing",
       {4, 3},
       [](const array& x, const array& k) {
         return gather(x, k, 0, {1, 0});
       },
       {2, 3},
       {2},
       {2, 1, 0},
       [](const Shape&, const auto&) { return Shape{}; }},
      {"TakeAlongLastAxis",
       {2, 4},
       [](const array& x, const array& k) { return take_along_axis(x, k, -1); },
       {3, 0, 3, 1, 2, 0},
       {2, 3},
       {2, 3},
       [](const Shape& i, const auto& at) {
         return Shape{i[0], at(i)};
       }},
      {"TakeAlongFirstAxis",
       {3, 2},
       [](const array& x, const array& k) { return take_along_axis(x, k, 0); },
       {2, 0, 1, 1, 0, 2, 0, 0},
       {4, 2},
       {4, 2},
       [](const Shape& i, const auto& at) {
         return Shape{at(i), i[1]};
       }},
      {"TakeAlongBroadcastsIndices",
       {3, 2, 4},
       [](const array& x, const array& k) { return take_along_axis(x, k, 1); },
       {1, 0, 1},
       {3, 1, 1},
       {3, 1, 4},
       [](const Shape& i, const auto& at) {
         return Shape{i[0], at({i[0], 0, 0}), i[2]};
       }},
      {"TakeAlongBroadcastsArray",
       {1, 4},
       [](const array& x, const array& k) { return take_along_axis(x, k, 1); },
       {1, 0, 3, 2},
       {2, 2},
       {2, 2},
       [](const Shape& i, const auto& at) {
         return Shape{0, at(i)};
       }},
  };
}

void PrintTo(const Reading& row, std::ostream* os) { *os << row.name; }

class Readings : public testing::TestWithParam<Reading> {
 protected:
  void expect_right(const array& x, const Values& elements, const array& index,
                    const std::string& what) {
    const Reading& row = GetParam();
    const array out = row.op(x, index);
    ASSERT_EQ(out.shape(), row.out) << what;
    ASSERT_EQ(out.dtype(), x.dtype()) << what;
    const auto at = [&](const Shape& i) {
      return static_cast<ShapeElem>(row.index[static_cast<size_t>(ravel(i, row.index_shape))]);
    };
    Values expected;
    for (int64_t p = 0; p < count_of(row.out); ++p) {
      expected.push_back(
          elements[static_cast<size_t>(ravel(row.source(unravel(p, row.out), at), row.in))]);
    }
    ASSERT_EQ(values(out), expected) << what;
  }
};

TEST_P(Readings, ReadEveryDtypeAndLayout) {
  const Reading& row = GetParam();
  const array index = make(row.index, row.index_shape, int32);
  for (Dtype dtype : all_dtypes()) {
    const auto elements = counting(row.in, dtype);
    for (const auto& [layout, x] : layouts(elements, row.in, dtype)) {
      expect_right(x, elements, index, layout + ' ' + dtype_name(dtype));
    }
  }
}

TEST_P(Readings, TakeIndicesOfEveryDtypeAndLayout) {
  const Reading& row = GetParam();
  const auto elements = counting(row.in, float32);
  const array x = make(elements, row.in, float32);
  for (Dtype dtype : index_dtypes()) {
    for (const auto& [layout, index] : layouts(row.index, row.index_shape, dtype)) {
      expect_right(x, elements, index, layout + ' ' + dtype_name(dtype));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Indexing, Readings, testing::ValuesIn(readings()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Take, CountsNegativeIndicesFromTheEnd) {
  const array x({10.0f, 11.0f, 12.0f});
  for (Dtype dtype : {int8, int16, int32, int64}) {
    EXPECT_EQ(values(take(x, make({-1, -3, 2}, dtype), 0)), (Values{12, 10, 12}));
  }
  EXPECT_EQ(values(take_along_axis(x, array({-2}), 0)), Values{11});
  EXPECT_EQ(values(take(x, -1, 0)), Values{12});
  EXPECT_EQ(values(take(reshape(x, {3, 1}), 1)), Values{11});
}

TEST(Take, SharesMemoryForAnIndexKnownOnTheHost) {
  array x = make(counting({4, 6}, float32), {4, 6}, float32);
  array row = take(x, -2, 0);
  EXPECT_EQ(values(row), (Values{12, 13, 14, 15, 16, 17}));
  EXPECT_EQ(row.buffer().raw_ptr(), x.buffer().raw_ptr());
}

TEST(Take, ReadsLargeTablesFromSeveralThreads) {
  const ShapeElem n = 3001, width = 37;
  const array table = reshape(arange(0.0, static_cast<double>(n * width), float32), {n, width});
  const array index =
      remainder(multiply(arange(0, 20000), array(7919)), array(static_cast<int>(n)));
  const array expected = add(multiply(expand_dims(index, 1), array(static_cast<int>(width))),
                             arange(0, static_cast<int>(width)));
  EXPECT_TRUE(array_equal(take(table, index, 0), expected).item<bool>());
  EXPECT_TRUE(array_equal(take(transpose(table), index, 1), transpose(expected)).item<bool>());
}

}  // namespace
