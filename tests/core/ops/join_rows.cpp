#include <algorithm>

#include "core/ops/movement.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/shape.h"

namespace mlx::test {

using namespace mlx::core;

namespace {

ShapeElem mod(ShapeElem a, ShapeElem n) { return ((a % n) + n) % n; }

}  // namespace

std::vector<Movement> join_rows() {
  return {
      {"ConcatenateLast",
       {2, 3},
       [](const array& x) {
         return concatenate({x, ones_like(x), x}, -1);
       },
       {2, 9},
       [](const Shape& i) {
         return i[1] / 3 == 1 ? std::nullopt : std::optional(Shape{i[0], i[1] % 3});
       }},
      {"ConcatenateFirst",
       {2, 3},
       [](const array& x) {
         return concatenate({x, ones({0, 3}, x.dtype()), x}, 0);
       },
       {4, 3},
       [](const Shape& i) {
         return Shape{i[0] % 2, i[1]};
       }},
      {"ConcatenateFlat",
       {2, 3},
       [](const array& x) {
         return concatenate({x, x});
       },
       {12},
       [](const Shape& i) {
         return unravel(i[0] % 6, {2, 3});
       }},
      {"Stack",
       {2, 3},
       [](const array& x) {
         return stack({x, ones_like(x)}, 1);
       },
       {2, 2, 3},
       [](const Shape& i) {
         return i[1] == 1 ? std::nullopt : std::optional(Shape{i[0], i[2]});
       }},
      {"Repeat",
       {2, 3},
       [](const array& x) { return repeat(x, 3, 1); },
       {2, 9},
       [](const Shape& i) {
         return Shape{i[0], i[1] / 3};
       }},
      {"RepeatFlat",
       {2, 3},
       [](const array& x) { return repeat(x, 2); },
       {12},
       [](const Shape& i) {
         return unravel(i[0] / 2, {2, 3});
       }},
      {"RepeatNever",
       {2, 3},
       [](const array& x) { return repeat(x, 0, 0); },
       {0, 3},
       [](const Shape&) { return Shape{}; }},
      {"Tile",
       {2, 3},
       [](const array& x) {
         return tile(x, {2, 1, 3});
       },
       {2, 2, 9},
       [](const Shape& i) {
         return Shape{i[1], i[2] % 3};
       }},
      {"TileFewer",
       {2, 3},
       [](const array& x) { return tile(x, {2}); },
       {2, 6},
       [](const Shape& i) {
         return Shape{i[0], i[1] % 3};
       }},
      {"Roll",
       {2, 5},
       [](const array& x) { return roll(x, 2, 1); },
       {2, 5},
       [](const Shape& i) {
         return Shape{i[0], mod(i[1] - 2, 5)};
       }},
      {"RollBack",
       {2, 5},
       [](const array& x) { return roll(x, -7, -1); },
       {2, 5},
       [](const Shape& i) {
         return Shape{i[0], mod(i[1] + 7, 5)};
       }},
      {"RollFlat",
       {2, 5},
       [](const array& x) { return roll(x, 3); },
       {2, 5},
       [](const Shape& i) {
         return unravel(mod(ravel(i, {2, 5}) - 3, 10), {2, 5});
       }},
      {"RollTwo",
       {2, 5},
       [](const array& x) {
         return roll(x, Shape{1, 2}, std::vector<int>{0, 1});
       },
       {2, 5},
       [](const Shape& i) {
         return Shape{mod(i[0] - 1, 2), mod(i[1] - 2, 5)};
       }},
      {"PadConstant",
       {2, 3},
       [](const array& x) {
         return pad(x, {{1, 0}, {2, 1}}, array(1));
       },
       {3, 6},
       [](const Shape& i) {
         const bool inside = i[0] >= 1 && i[1] >= 2 && i[1] < 5;
         return inside ? std::optional(Shape{i[0] - 1, i[1] - 2}) : std::nullopt;
       }},
      {"PadEdge",
       {2, 3},
       [](const array& x) { return pad(x, 2, array(0), "edge"); },
       {6, 7},
       [](const Shape& i) {
         return Shape{std::clamp<ShapeElem>(i[0] - 2, 0, 1), std::clamp<ShapeElem>(i[1] - 2, 0, 2)};
       }},
      {"PadReflect",
       {2, 3},
       [](const array& x) { return pad(x, {1}, {2}, {1}, array(0), "reflect"); },
       {2, 6},
       [](const Shape& i) {
         constexpr ShapeElem from[] = {2, 1, 0, 1, 2, 1};
         return Shape{i[0], from[i[1]]};
       }},
      {"PadReflectFurtherThanItsSize",
       {1, 3},
       [](const array& x) {
         return pad(x, {0, 1}, {1, 5}, {0, 3}, array(0), "reflect");
       },
       {2, 11},
       [](const Shape& i) {
         constexpr ShapeElem from[] = {1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1};
         return Shape{0, from[i[1]]};
       }},
      {"PadSymmetric",
       {2, 3},
       [](const array& x) { return pad(x, {1}, {4}, {2}, array(0), "symmetric"); },
       {2, 9},
       [](const Shape& i) {
         constexpr ShapeElem from[] = {2, 2, 1, 0, 0, 1, 2, 2, 1};
         return Shape{i[0], from[i[1]]};
       }},
      {"DiagOfVector",
       {3},
       [](const array& x) { return add(diag(x, -1), logical_not(diag(ones_like(x), -1))); },
       {4, 4},
       [](const Shape& i) { return i[0] == i[1] + 1 ? std::optional(Shape{i[1]}) : std::nullopt; }},
      {"SliceUpdate",
       {2, 3},
       [](const array& x) {
         return slice_update(ones({4, 7}, x.dtype()), x, {3, 1}, {-5, 6}, {-2, 2});
       },
       {4, 7},
       [](const Shape& i) {
         const bool hit = i[0] % 2 == 1 && i[1] % 2 == 1 && i[1] < 6;
         return hit ? std::optional(Shape{(3 - i[0]) / 2, i[1] / 2}) : std::nullopt;
       }},
      {"SliceUpdateDynamic",
       {2, 3},
       [](const array& x) {
         return slice_update(ones({4, 7}, x.dtype()), x, array({9, 2}), {0, 1});
       },
       {4, 7},
       [](const Shape& i) {
         const bool hit = i[0] >= 2 && i[1] >= 2 && i[1] < 5;
         return hit ? std::optional(Shape{i[0] - 2, i[1] - 2}) : std::nullopt;
       }},
      {"SliceUpdateBroadcasts",
       {3},
       [](const array& x) {
         return slice_update(ones({2, 4}, x.dtype()), x, Shape{0, 1}, Shape{2, 4});
       },
       {2, 4},
       [](const Shape& i) { return i[1] > 0 ? std::optional(Shape{i[1] - 1}) : std::nullopt; }},
  };
}

}  // namespace mlx::test
