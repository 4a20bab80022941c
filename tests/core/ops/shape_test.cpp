// Shape operations that compute, and the errors of all.

#include "mlx/core/ops/shape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>

#include "core/elements.h"
#include "core/layouts.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"

using namespace mlx::core;
using namespace mlx::test;

namespace {

// ---- operations that compute

TEST(SliceUpdate, CombinesWithWhatIsThere) {
  for (Dtype dtype : {int8, uint32, int64, float16, bfloat16, float32, float64, complex64}) {
    const array x = make({1, 5, 3, 4}, dtype);
    const array u = make({2, 6}, dtype);
    using V = std::vector<double>;
    EXPECT_EQ(values(slice_update_add(x, u, {1}, {4}, {2})), (V{1, 7, 3, 10})) << dtype;
    EXPECT_EQ(values(slice_update_prod(x, u, {1}, {4}, {2})), (V{1, 10, 3, 24})) << dtype;
    EXPECT_EQ(values(slice_update_max(x, u, {1}, {3})), (V{1, 5, 6, 4})) << dtype;
    EXPECT_EQ(values(slice_update_min(x, u, {1}, {3})), (V{1, 2, 3, 4})) << dtype;
  }
}

TEST(View, ReinterpretsBytes) {
  const array x({1.0f, -2.0f});
  EXPECT_EQ(values(view(x, uint32)), (std::vector<double>{0x3F800000, 0xC0000000u}));
  EXPECT_EQ(values(view(x, uint16)), (std::vector<double>{0, 0x3F80, 0, 0xC000}));
  EXPECT_EQ(values(view(view(x, uint8), float32)), (std::vector<double>{1, -2}));
  const array columns = transpose(make({1, 2, 3, 4}, {2, 2}, int16));
  EXPECT_EQ(values(view(columns, int32)), (std::vector<double>{1 + 3 * 65536, 2 + 4 * 65536}));
  EXPECT_EQ(values(view(columns, uint16)), (std::vector<double>{1, 3, 2, 4}));
}

TEST(Trace, AddsTheDiagonalInItsWiderDtype) {
  const array x = make({100, 1, 1, 100}, {2, 2}, int8);
  EXPECT_EQ(trace(x).dtype(), int32);
  EXPECT_EQ(values(trace(x)), std::vector<double>{200});
  EXPECT_EQ(trace(x, 1, 0, 1, float16).dtype(), float16);
  EXPECT_EQ(values(trace(x, 1, 0, 1, float16)), std::vector<double>{1});
}

TEST(Diff, RepeatsAlongAnAxis) {
  const array x = make({1, 4, 9, 16, 3, 3, 1, 0}, {2, 4}, int32);
  EXPECT_EQ(values(diff(x)), (std::vector<double>{3, 5, 7, 0, -2, -1}));
  EXPECT_EQ(values(diff(x, 2)), (std::vector<double>{2, 2, -2, 1}));
  EXPECT_EQ(values(diff(x, 1, 0)), (std::vector<double>{2, -1, -8, -16}));
  EXPECT_EQ(diff(x, 9).shape(), (Shape{2, 0}));
  EXPECT_EQ(values(diff(make({1, 1, 0}, bool_))), (std::vector<double>{0, 1}));
}

TEST(NumberOfElements, CountsAxes) {
  const array x = zeros({2, 3, 4});
  EXPECT_EQ(values(number_of_elements(x, {0, -1}, false)), std::vector<double>{8});
  EXPECT_EQ(values(number_of_elements(x, {0, -1}, true, float32)), std::vector<double>{0.125});
}

TEST(Depends, PassesItsInputsOn) {
  const array x({1.0f, 2.0f});
  const auto out = depends({x, square(x)}, {exp(x)});
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(values(out[0]), (std::vector<double>{1, 2}));
  EXPECT_EQ(values(out[1]), (std::vector<double>{1, 4}));
}

TEST(Concatenate, PromotesDtypes) {
  EXPECT_EQ(concatenate({make({1}, int8), make({1}, uint8)}).dtype(), int16);
  EXPECT_EQ(values(concatenate({make({-1}, int8), make({200}, uint8), make({0.5}, float16)})),
            (std::vector<double>{-1, 200, 0.5}));
}

TEST(Split, IsCheapForManyParts) {
  const array x = make(counting({1000, 8}, float32), {1000, 8}, float32);
  const auto parts = split(x, 1000);
  ASSERT_EQ(parts.size(), 1000u);
  EXPECT_EQ(values(parts[999]), (std::vector<double>{92, 93, 94, 95, 96, 97, 98, 99}));
}

// ---- errors

struct BadShaping {
  const char* name;
  std::function<void()> call;
  bool is_index = false;  // std::out_of_range
};

std::vector<BadShaping> bad_calls() {
  const array x = zeros({2, 3});
  return {
      {"reshape", [=] { reshape(x, {4}); }},
      {"reshape",
       [=] {
         reshape(x, {-1, -1});
       }},
      {"reshape",
       [=] {
         reshape(x, {-2, -3});
       }},
      {"reshape",
       [=] {
         reshape(zeros({0}), {0, -1});
       }},
      {"reshape",
       [=] {
         reshape(x, {ShapeElem{1} << 62, 4});
       }},
      {"unflatten", [=] { unflatten(x, 0, {3}); }},
      {"unflatten",
       [=] {
         unflatten(x, 0, {ShapeElem{1} << 62, 4});
       }},
      {"unflatten",
       [=] {
         unflatten(x, 0, {-1, 4});
       }},
      {"unflatten", [=] { unflatten(x, 0, {}); }},
      {"flatten", [=] { flatten(x, 1, 0); }},
      {"squeeze", [=] { squeeze(x, 0); }},
      {"squeeze",
       [=] {
         squeeze(x, std::vector<int>{0, 5});
       }},
      {"expand_dims", [=] { expand_dims(x, 7); }},
      {"expand_dims",
       [=] {
         expand_dims(x, std::vector<int>{0, 0});
       }},
      {"transpose", [=] { transpose(x, {0}); }},
      {"transpose",
       [=] {
         transpose(x, {0, 0});
       }},
      {"swapaxes", [=] { swapaxes(x, 0, 5); }, true},
      {"moveaxis", [=] { moveaxis(x, -3, 0); }, true},
      {"broadcast_shapes",
       [=] {
         broadcast_to(x, {3, 3});
       }},
      {"broadcast_to", [=] { broadcast_to(x, {3}); }},
      {"flip", [=] { flip(x, 2); }},
      {"slice",
       [=] {
         slice(x, {0, 0}, {2, 3}, {1, 0});
       }},
      {"slice", [=] { slice(x, {0}, {2}); }},
      {"slice",
       [=] {
         slice(x, array({0.0f}), {0}, {1, 1});
       }},
      {"slice",
       [=] {
         slice(x, array({0}), {0}, {3, 1});
       }},
      {"slice",
       [=] {
         slice(x, array({0, 0}), {0}, {1, 1});
       }},
      {"slice_update",
       [=] {
         slice_update(x, x, array({0}), {0, 1});
       }},
      {"slice_update",
       [=] {
         slice_update(x, x, {0, 0}, {2, 3}, {0, 1});
       }},
      {"concatenate", [] { concatenate({}); }},
      {"concatenate",
       [=] {
         concatenate({x, zeros({3})}, 0);
       }},
      {"concatenate",
       [=] {
         concatenate({x, zeros({3, 2})}, 0);
       }},
      {"concatenate",
       [=] {
         concatenate({array(1), array(2)}, 0);
       }},
      {"stack", [] { stack({}); }},
      {"stack",
       [=] {
         stack({x, zeros({3})});
       }},
      {"split", [=] { split(x, 2, 1); }},
      {"split", [=] { split(x, Shape{1}, 9); }},
      {"split", [=] { split(x, 0); }},
      {"repeat", [=] { repeat(x, -1); }},
      {"tile", [=] { tile(x, {-1}); }},
      {"pad", [=] { pad(x, 1, array(0), "bad"); }},
      {"pad", [=] { pad(x, -1); }},
      {"pad", [=] { pad(zeros({0}), 2, array(0), "reflect"); }},
      {"pad",
       [=] {
         pad(x, {{1, 1}});
       }},
      {"pad",
       [=] {
         pad(x, 1, array({1, 2}));
       }},
      {"roll", [=] { roll(x, 1, 5); }},
      {"diag",
       [] {
         diag(zeros({1, 1, 1}));
       }},
      {"diagonal", [] { diagonal(zeros({1})); }},
      {"diagonal", [=] { diagonal(x, 0, 1, 1); }},
      {"diff", [=] { diff(x, -1); }},
      {"as_strided", [=] { as_strided(x, {-1}, {1}, 0); }},
      {"as_strided",
       [=] {
         as_strided(x, {2}, {1, 1}, 0);
       }},
      {"as_strided", [=] { as_strided(x, {4}, {2}, 0); }},
      {"as_strided", [=] { as_strided(x, {2}, {-1}, 0); }},
      {"view", [] { view(zeros({3}, uint8), uint16); }},
      {"view", [] { view(zeros({}, uint8), uint16); }},
  };
}

TEST(ShapeErrors, ComeAtTheCallAndNameTheOperation) {
  for (const BadShaping& row : bad_calls()) {
    const auto starts = testing::StartsWith(std::string("[") + row.name + "]");
    if (row.is_index) {
      EXPECT_THAT(row.call, testing::ThrowsMessage<std::out_of_range>(starts)) << row.name;
    } else {
      EXPECT_THAT(row.call, testing::ThrowsMessage<std::invalid_argument>(starts)) << row.name;
    }
  }
}

}  // namespace
