#include "core/transform/derivative_rows.h"

namespace mlx::core {
namespace {

using ToOne = std::function<array(const Arrays&)>;

// Squares first, so that the second derivative is not zero, and the operation
// sees something that is not an input.
DerivativeRow view_of(const char* name, Shape shape, const std::function<array(const array&)>& op) {
  return {
      name, {spread(std::move(shape), -1, 1)}, [op](const Arrays& x) { return op(square(x[0])); }};
}

DerivativeRow updates(const char* name, const ToOne& op, bool smooth = true) {
  return {name, {spread({3, 4}, 0.5, 2), spread({2, 2}, 0.5, 2, 1)}, op, smooth};
}

DerivativeRows rearranging_rows() {
  return {
      view_of("Reshape", {2, 6},
              [](const array& x) {
                return reshape(x, {3, -1});
              }),
      view_of("Unflatten", {2, 6},
              [](const array& x) {
                return unflatten(x, 1, {2, 3});
              }),
      view_of("Flatten", {2, 3, 2}, [](const array& x) { return flatten(x, 1, 2); }),
      view_of("Squeeze", {2, 1, 3}, [](const array& x) { return squeeze(x, 1); }),
      view_of("ExpandDims", {2, 3},
              [](const array& x) {
                return expand_dims(x, {0, 2});
              }),
      view_of("Flip", {2, 3}, [](const array& x) { return flip(x, 1); }),
      view_of("Transpose", {2, 3, 4},
              [](const array& x) {
                return transpose(x, {2, 0, 1});
              }),
      view_of("Swapaxes", {2, 3, 4}, [](const array& x) { return swapaxes(x, 0, -1); }),
      view_of("Moveaxis", {2, 3, 4}, [](const array& x) { return moveaxis(x, 0, 2); }),
      view_of("BroadcastTo", {2, 1},
              [](const array& x) {
                return broadcast_to(x, {3, 2, 4});
              }),
      view_of("BroadcastArrays", {2, 1},
              [](const array& x) {
                return weigh(broadcast_arrays({x, reshape(x, {2})}));
              }),
      view_of("AsStridedOverlapping", {6},
              [](const array& x) {
                return as_strided(x, {4, 2}, {1, 1}, 1);
              }),
      view_of("Copy", {2, 3}, [](const array& x) { return copy(x); }),
      view_of("Contiguous", {2, 3}, [](const array& x) { return contiguous(transpose(x)); }),
      view_of("Atleast", {3},
              [](const array& x) { return atleast_3d(atleast_2d(atleast_1d(sum(x)))); }),
      view_of("Roll", {2, 3}, [](const array& x) { return roll(x, 2, 1); }),
      view_of("Repeat", {2, 3}, [](const array& x) { return repeat(x, 2, 1); }),
      view_of("Tile", {2, 3},
              [](const array& x) {
                return tile(x, {2, 1, 2});
              }),
      view_of("Diff", {5}, [](const array& x) { return diff(x, 2); }),
      view_of("Diagonal", {3, 4}, [](const array& x) { return diagonal(x, 1); }),
      view_of("Diag", {3}, [](const array& x) { return diag(x, -1); }),
      view_of("DiagOfMatrix", {3, 3}, [](const array& x) { return diag(x); }),
      view_of("Trace", {3, 3}, [](const array& x) { return trace(x); }),
      view_of("Tril", {3, 3}, [](const array& x) { return tril(x, -1); }),
      view_of("Triu", {3, 3}, [](const array& x) { return triu(x, 1); }),
      view_of("Meshgrid", {3},
              [](const array& x) {
                return weigh(meshgrid({x, x * x}));
              }),
      view_of("Full", {3},
              [](const array& x) {
                return full({2, 3}, x);
              }),
      view_of("Depends", {3}, [](const array& x) { return depends({x * x}, {exp(x)})[0]; }),
      view_of("PadEdge", {2, 3}, [](const array& x) { return pad(x, 1, array(0), "edge"); }),
      {"Pad",
       {spread({2, 3}, -1, 1), array(0.5, float64)},
       [](const Arrays& x) {
         return pad(square(x[0]), {{1, 0}, {0, 2}}, square(x[1]));
       }},
  };
}

DerivativeRows cutting_rows() {
  return {
      view_of("Slice", {4, 5},
              [](const array& x) {
                return slice(x, {1, 0}, {4, 5}, {2, 3});
              }),
      view_of("SliceBackwards", {4, 5},
              [](const array& x) {
                return slice(x, {3, 4}, {0, -6}, {-2, -1});
              }),
      view_of("SliceOfSlice", {6},
              [](const array& x) { return slice(slice(x, {1}, {6}), {0}, {5}, {2}); }),
      view_of("SliceAtArray", {4, 5},
              [](const array& x) {
                return slice(x, array({1, 2}), {0, 1}, {2, 3});
              }),
      view_of("Split", {2, 6}, [](const array& x) { return weigh(split(x, 3, 1)); }),
      view_of("SplitOneUsed", {6},
              [](const array& x) {
                return exp(split(x, {1, 4}, 0)[1]);
              }),
      view_of("Unstack", {3, 2}, [](const array& x) { return weigh(unstack(x, 0)); }),
      {"Concatenate",
       {spread({2, 1}, -1, 1), spread({2, 3}, -1, 1, 1)},
       [](const Arrays& x) {
         return concatenate({square(x[0]), x[1], x[0]}, 1);
       }},
      {"Stack",
       {spread({2}, -1, 1), spread({2}, -1, 1, 1)},
       [](const Arrays& x) {
         return stack({square(x[0]), x[1]}, -1);
       }},
      updates("SliceUpdate",
              [](const Arrays& x) {
                return slice_update(square(x[0]), square(x[1]), {0, 1}, {3, 4}, {2, 2});
              }),
      updates("SliceUpdateAtArray",
              [](const Arrays& x) {
                return slice_update(square(x[0]), square(x[1]), array({1, 2}), {0, 1});
              }),
      updates("SliceUpdateBroadcast",
              [](const Arrays& x) {
                return slice_update(x[0], slice(x[1], {0, 0}, {1, 2}), Shape{0, 1}, Shape{3, 3});
              }),
      updates("SliceUpdateAdd",
              [](const Arrays& x) {
                return slice_update_add(square(x[0]), square(x[1]), {1, 1}, {3, 3});
              }),
      updates("SliceUpdateProd",
              [](const Arrays& x) {
                return slice_update_prod(x[0], x[1], {1, 1}, {3, 3});
              }),
      updates(
          "SliceUpdateMax",
          [](const Arrays& x) {
            return slice_update_max(x[0], x[1], {1, 1}, {3, 3});
          },
          false),
      updates(
          "SliceUpdateMin",
          [](const Arrays& x) {
            return slice_update_min(x[0], x[1], {1, 1}, {3, 3});
          },
          false),
  };
}

}  // namespace

DerivativeRows shape_rows() {
  DerivativeRows rows = rearranging_rows();
  const DerivativeRows more = cutting_rows();
  rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

}  // namespace mlx::core
