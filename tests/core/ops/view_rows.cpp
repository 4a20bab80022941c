#include "core/ops/movement.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/shape.h"

namespace mlx::test {

using namespace mlx::core;

namespace {

// By position in row-major order: reshape and what is made of it.
Movement reshaping(const char* name, const Shape& in, const Movement::Op& op, const Shape& out) {
  return {name, in, op, out, [in, out](const Shape& i) { return unravel(ravel(i, out), in); }};
}

}  // namespace

std::vector<Movement> view_rows() {
  const Shape in{2, 3, 4};
  return {
      reshaping(
          "Copy", in, [](const array& x) { return copy(x); }, in),
      reshaping(
          "Contiguous", in, [](const array& x) { return contiguous(x); }, in),
      reshaping(
          "ContiguousOrColumns", in, [](const array& x) { return contiguous(x, true); }, in),
      reshaping("Reshape", in,
                [](const array& x) {
                  return reshape(x, {4, 6});
                },
                {4, 6}),
      reshaping("ReshapeMergesLast", in,
                [](const array& x) {
                  return reshape(x, {2, 12});
                },
                {2, 12}),
      reshaping("ReshapeSplits", in,
                [](const array& x) {
                  return reshape(x, {2, 3, 2, 1, 2});
                },
                {2, 3, 2, 1, 2}),
      reshaping("ReshapeInfers", in,
                [](const array& x) {
                  return reshape(x, {3, -1, 1});
                },
                {3, 8, 1}),
      reshaping("ReshapeScalar", {},
                [](const array& x) {
                  return reshape(x, {1, 1});
                },
                {1, 1}),
      reshaping("ReshapeToScalar", {1, 1}, [](const array& x) { return reshape(x, {}); }, {}),
      reshaping("ReshapeEmpty", {0, 3},
                [](const array& x) {
                  return reshape(x, {3, 0, 2});
                },
                {3, 0, 2}),
      reshaping("Unflatten", in,
                [](const array& x) {
                  return unflatten(x, -1, {2, -1});
                },
                {2, 3, 2, 2}),
      reshaping("Flatten", in, [](const array& x) { return flatten(x); }, {24}),
      reshaping("FlattenSome", in, [](const array& x) { return flatten(x, -2, -1); }, {2, 12}),
      reshaping("FlattenScalar", {}, [](const array& x) { return flatten(x); }, {1}),
      reshaping("SqueezeAll", {1, 3, 1}, [](const array& x) { return squeeze(x); }, {3}),
      reshaping("SqueezeOne", {1, 3, 1}, [](const array& x) { return squeeze(x, -1); }, {1, 3}),
      reshaping("ExpandDims", {2, 3},
                [](const array& x) {
                  return expand_dims(x, std::vector<int>{0, -1});
                },
                {1, 2, 3, 1}),
      reshaping("AtLeast1d", {}, [](const array& x) { return atleast_1d(x); }, {1}),
      reshaping("AtLeast2d", {3}, [](const array& x) { return atleast_2d(x); }, {1, 3}),
      reshaping("AtLeast3dOfVector", {3}, [](const array& x) { return atleast_3d(x); }, {1, 3, 1}),
      reshaping("AtLeast3dOfMatrix", {2, 3}, [](const array& x) { return atleast_3d(x); },
                {2, 3, 1}),
      reshaping("AsStridedWhole", in, [](const array& x) { return as_strided(x, {24}, {1}, 0); },
                {24}),
      {"AsStridedWindows",
       {6},
       [](const array& x) {
         return as_strided(x, {4, 3}, {1, 1}, 0);
       },
       {4, 3},
       [](const Shape& i) { return Shape{i[0] + i[1]}; }},
      {"AsStridedBackwards",
       {2, 3},
       [](const array& x) { return as_strided(x, {3}, {-2}, 5); },
       {3},
       [](const Shape& i) {
         return unravel(5 - 2 * i[0], {2, 3});
       }},
      {"Transpose",
       in,
       [](const array& x) { return transpose(x); },
       {4, 3, 2},
       [](const Shape& i) {
         return Shape{i[2], i[1], i[0]};
       }},
      {"TransposeAxes",
       in,
       [](const array& x) {
         return transpose(x, {1, -1, 0});
       },
       {3, 4, 2},
       [](const Shape& i) {
         return Shape{i[2], i[0], i[1]};
       }},
      {"Swapaxes",
       in,
       [](const array& x) { return swapaxes(x, 0, -1); },
       {4, 3, 2},
       [](const Shape& i) {
         return Shape{i[2], i[1], i[0]};
       }},
      {"Moveaxis",
       in,
       [](const array& x) { return moveaxis(x, 0, -1); },
       {3, 4, 2},
       [](const Shape& i) {
         return Shape{i[2], i[0], i[1]};
       }},
      {"BroadcastTo",
       {3, 1},
       [](const array& x) {
         return broadcast_to(x, {2, 3, 4});
       },
       {2, 3, 4},
       [](const Shape& i) {
         return Shape{i[1], 0};
       }},
      {"BroadcastToNothing",
       {3, 1},
       [](const array& x) {
         return broadcast_to(x, {3, 0});
       },
       {3, 0},
       [](const Shape&) { return Shape{}; }},
      {"Flip", in, [](const array& x) { return flip(x); }, in,
       [](const Shape& i) {
         return Shape{1 - i[0], 2 - i[1], 3 - i[2]};
       }},
      {"FlipOne", in, [](const array& x) { return flip(x, -2); }, in,
       [](const Shape& i) {
         return Shape{i[0], 2 - i[1], i[2]};
       }},
      {"Slice",
       {5, 7},
       [](const array& x) {
         return slice(x, {1, 2}, {4, -1});
       },
       {3, 4},
       [](const Shape& i) {
         return Shape{i[0] + 1, i[1] + 2};
       }},
      {"SliceSteps",
       {5, 7},
       [](const array& x) {
         return slice(x, {0, 1}, {5, 100}, {3, 2});
       },
       {2, 3},
       [](const Shape& i) {
         return Shape{3 * i[0], 2 * i[1] + 1};
       }},
      {"SliceBackwards",
       {5, 7},
       [](const array& x) {
         return slice(x, {4, -1}, {0, -100}, {-2, -3});
       },
       {2, 3},
       [](const Shape& i) {
         return Shape{4 - 2 * i[0], 6 - 3 * i[1]};
       }},
      {"SliceOfNothing",
       {5, 7},
       [](const array& x) {
         return slice(x, {3, 0}, {2, 7});
       },
       {0, 7},
       [](const Shape&) { return Shape{}; }},
      {"SliceDynamic",
       {5, 7},
       [](const array& x) {
         return slice(x, array({1, 2}), {0, 1}, {2, 3});
       },
       {2, 3},
       [](const Shape& i) {
         return Shape{i[0] + 1, i[1] + 2};
       }},
      {"SliceDynamicClamps",
       {5, 7},
       [](const array& x) {
         return slice(x, array({-9, 99}), {1, 0}, {2, 3});
       },
       {2, 3},
       [](const Shape& i) {
         return Shape{i[0] + 3, i[1]};
       }},
      {"Diagonal",
       {4, 3},
       [](const array& x) { return diagonal(x); },
       {3},
       [](const Shape& i) {
         return Shape{i[0], i[0]};
       }},
      {"DiagonalBelow",
       {2, 4, 3},
       [](const array& x) { return diagonal(x, -2, 1, 2); },
       {2, 2},
       [](const Shape& i) {
         return Shape{i[0], i[1] + 2, i[1]};
       }},
      {"DiagonalAbove",
       {4, 2, 3},
       [](const array& x) { return diagonal(x, 1, 2, 0); },
       {2, 3},
       [](const Shape& i) {
         return Shape{i[1] + 1, i[0], i[1]};
       }},
      {"DiagonalOutside",
       {2, 3},
       [](const array& x) { return diagonal(x, 5); },
       {0},
       [](const Shape&) { return Shape{}; }},
      {"DiagOfMatrix",
       {3, 3},
       [](const array& x) { return diag(x, 1); },
       {2},
       [](const Shape& i) {
         return Shape{i[0], i[0] + 1};
       }},
      {"SplitPart",
       {6, 2},
       [](const array& x) { return split(x, 3)[1]; },
       {2, 2},
       [](const Shape& i) {
         return Shape{i[0] + 2, i[1]};
       }},
      {"SplitAtIndices",
       {2, 6},
       [](const array& x) {
         return split(x, Shape{1, -2}, 1)[1];
       },
       {2, 3},
       [](const Shape& i) {
         return Shape{i[0], i[1] + 1};
       }},
      {"UnstackPart",
       {2, 3},
       [](const array& x) { return unstack(x, 1)[2]; },
       {2},
       [](const Shape& i) {
         return Shape{i[0], 2};
       }},
  };
}

}  // namespace mlx::test
