// Views and copies against the rows of movement.h, and what views share.

#include "core/ops/movement.h"

#include <gtest/gtest.h>

#include <string>

#include "core/elements.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/shape.h"

using namespace mlx::core;
using namespace mlx::test;

namespace mlx::test {
void PrintTo(const Movement& row, std::ostream* os) { *os << row.name; }
}  // namespace mlx::test

namespace {

class Movements : public testing::TestWithParam<Movement> {};

TEST_P(Movements, PutEveryElementInItsPlace) {
  const Movement& row = GetParam();
  for (Dtype dtype : all_dtypes()) {
    const auto in = counting(row.in, dtype);
    std::vector<double> expected;
    for (int64_t p = 0; p < count_of(row.out); ++p) {
      const auto from = row.source(unravel(p, row.out));
      expected.push_back(from ? in[static_cast<size_t>(ravel(*from, row.in))] : 1);
    }
    for (const auto& [layout, x] : layouts(in, row.in, dtype)) {
      const array out = row.op(x);
      ASSERT_EQ(out.shape(), row.out) << layout;
      ASSERT_EQ(out.dtype(), dtype) << layout;
      ASSERT_EQ(values(out), expected) << layout << ' ' << dtype_name(dtype);
    }
  }
}

const auto name_of = [](const auto& row) { return std::string(row.param.name); };
INSTANTIATE_TEST_SUITE_P(Views, Movements, testing::ValuesIn(view_rows()), name_of);
INSTANTIATE_TEST_SUITE_P(Joins, Movements, testing::ValuesIn(join_rows()), name_of);

// ---- sharing

const void* memory_of(array x) {
  x.eval();
  return x.buffer().raw_ptr();
}

TEST(Views, ShareTheirInputsMemory) {
  array x = make(counting({4, 6}, float32), {4, 6}, float32);
  const void* memory = memory_of(x);
  const array columns = transpose(x);
  const array steps = slice(x, {0, 1}, {4, 6}, {2, 2});
  for (const array& out :
       {copy(x), columns, steps, reshape(x, {2, 12}), flip(x), expand_dims(columns, 1),
        squeeze(expand_dims(steps, 0), 0), unflatten(columns, 0, {2, 3}), diagonal(x, 1),
        split(x, 2, 1)[1], broadcast_to(x, {3, 4, 6}), as_strided(x, {2}, {3}, 4),
        slice(x, array({1}), {0}, {2, 6}), view(x, int16), contiguous(x)}) {
    EXPECT_EQ(memory_of(out), memory) << out.shape();
  }
}

TEST(Views, DoNotChangeWhatTheyShare) {
  array x = zeros({3}, float32);
  const array updated = slice_update(x, array({5.0f}), Shape{1}, Shape{2});
  EXPECT_EQ(values(updated), (std::vector<double>{0, 5, 0}));
  EXPECT_EQ(values(x), (std::vector<double>{0, 0, 0}));
}

TEST(Flags, DescribeTheLayout) {
  struct Row {
    array x;
    bool contiguous, row, col;
    size_t data_size;
  };
  const array x = make(counting({4, 6}, float32), {4, 6}, float32);
  const array one = make({7}, {1}, float32);
  for (auto& [out, dense, row, col, data_size] : std::vector<Row>{
           {x, true, true, false, 24},
           {transpose(x), true, false, true, 24},
           {slice(x, {0, 0}, {4, 3}), false, false, false, 21},
           {transpose(slice(x, {0, 0}, {4, 3})), false, false, false, 21},
           {slice(x, {1, 0}, {3, 6}), true, true, false, 12},
           {flip(x), false, false, false, 24},
           {broadcast_to(one, {2, 3}), false, false, false, 1},
           {broadcast_to(one, {1, 1}), true, true, true, 1},
           {zeros({5}), false, false, false, 1},
           {zeros({0, 3}), true, true, true, 0},
           {reshape(x, {24}), true, true, true, 24},
       }) {
    array evaluated = out;
    evaluated.eval();
    EXPECT_EQ(evaluated.flags().contiguous, dense) << out.shape();
    EXPECT_EQ(evaluated.flags().row_contiguous, row) << out.shape();
    EXPECT_EQ(evaluated.flags().col_contiguous, col) << out.shape();
    EXPECT_EQ(evaluated.data_size(), data_size) << out.shape();
  }
}

}  // namespace
