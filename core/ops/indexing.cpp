// Reading at indices: gather, take, take_along_axis.

#include "mlx/core/ops/indexing.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/axes.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/indexing_ops.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/ops/shape_ops.h"

namespace mlx::core {
namespace {

// The cotangents of an array (input 0) and its indices (the others).
template <typename OfArray>
Arrays cotangents_of_read(const VjpArgs& args, OfArray of_array) {
  Arrays out;
  for (int arg : args.argnums) {
    const array zero = zeros_like(args.inputs[static_cast<size_t>(arg)], args.stream);
    out.push_back(arg == 0 ? of_array(zero) : zero);
  }
  return out;
}

// ---- take: slices at one index array along one axis

Type infer_take(Inputs in, const Attrs& attrs) {
  const int axis = attrs.get<TakeAttrs>().axis;
  Shape shape = in[0].shape();
  shape.erase(shape.begin() + axis);
  shape.insert(shape.begin() + axis, in[1].shape().begin(), in[1].shape().end());
  return {std::move(shape), in[0].dtype()};
}

// The updates of a scatter have the axes of the indices first, then all axes of the array.
Arrays vjp_take(const VjpArgs& args) {
  const int axis = args.attrs.get<TakeAttrs>().axis;
  const array& indices = args.inputs[1];
  return cotangents_of_read(args, [&](const array& zero) {
    const array& g = args.cotangents[0];
    std::vector<int> order(g.ndim());
    std::iota(order.begin(), order.end(), 0);
    std::rotate(order.begin(), order.begin() + axis, order.begin() + axis + rank_of(indices));
    const array updates = expand_dims(transpose(g, std::move(order), args.stream),
                                      axis + rank_of(indices), args.stream);
    return scatter_add(zero, indices, updates, axis, args.stream);
  });
}

// ---- gather

Type infer_gather(Inputs in, const Attrs& attrs) {
  Shape shape = in.size() > 1 ? in[1].shape() : Shape{};
  const Shape& slice = attrs.get<GatherAttrs>().slice_sizes;
  shape.insert(shape.end(), slice.begin(), slice.end());
  return {std::move(shape), in[0].dtype()};
}

Arrays vjp_gather(const VjpArgs& args) {
  const std::vector<array> indices(args.inputs.begin() + 1, args.inputs.end());
  return cotangents_of_read(args, [&](const array& zero) {
    return scatter_add(zero, indices, args.cotangents[0], args.attrs.get<GatherAttrs>().axes,
                       args.stream);
  });
}

// ---- take_along_axis

Type infer_take_along(Inputs in, const Attrs&) { return {in[1].shape(), in[0].dtype()}; }

Arrays vjp_take_along(const VjpArgs& args) {
  return cotangents_of_read(args, [&](const array& zero) {
    return scatter_add_axis(zero, args.inputs[1], args.cotangents[0],
                            args.attrs.get<TakeAlongAttrs>().axis, args.stream);
  });
}

// A position on the host. Errors: std::out_of_range.
ShapeElem checked_position(const array& a, int index, int axis) {
  const ShapeElem size = a.shape()[axis];
  if (index < -size || index >= size) {
    throw std::out_of_range(concat("[take] Index of axis ", axis, ": got ", index, ", expected ",
                                   -size, " to ", size - 1, "."));
  }
  return index < 0 ? index + size : index;
}

}  // namespace

constinit const Op kTake{.name = "Take", .infer = infer_take, .vjp = vjp_take, .vmap = vmap_take};
constinit const Op kGather{.name = "Gather",
                           .infer = infer_gather,
                           .vjp = vjp_gather,
                           .vmap = vmap_gather,
                           .holds_sizes = kAlways};
constinit const Op kTakeAlong{.name = "TakeAlongAxis",
                              .infer = infer_take_along,
                              .vjp = vjp_take_along,
                              .vmap = vmap_take_along,
                              .holds_sizes = kAlways};

void check_index(const array& index, const char* op) {
  require(issubdtype(index.dtype(), integer), "[", op, "] Index dtype: got ", index.dtype(),
          ", expected an integer dtype.");
}

std::vector<array> check_indices(const array& a, const std::vector<array>& indices,
                                 std::vector<int>& axes, const char* op, StreamOrDevice s) {
  require(indices.size() == axes.size(), "[", op, "] Number of index arrays: got ", indices.size(),
          ", expected one for each of ", axes.size(), " axes.");
  normalize_axes(axes, rank_of(a), op);
  for (size_t i = 0; i < axes.size(); ++i) {
    check_index(indices[i], op);
    axes[i] = normalize_axis_index(axes[i], rank_of(a));
  }
  return broadcast_arrays(indices, std::move(s));
}

array gather(const array& a, const std::vector<array>& indices, const std::vector<int>& axes,
             const Shape& slice_sizes, StreamOrDevice s) {
  std::vector<int> checked = axes;
  std::vector<array> inputs = check_indices(a, indices, checked, "gather", s);
  require(slice_sizes.size() == a.ndim(), "[gather] Number of slice sizes: got ",
          slice_sizes.size(), ", expected ", a.ndim(), ".");
  for (int d = 0; d < rank_of(a); ++d) {
    require(slice_sizes[d] >= 0 && slice_sizes[d] <= a.shape()[d], "[gather] Slice size of axis ",
            d, ": got ", slice_sizes[d], ", expected 0 to ", a.shape()[d], ".");
  }
  inputs.insert(inputs.begin(), a);
  return make_node(kGather, std::move(inputs), Attrs(GatherAttrs{std::move(checked), slice_sizes}),
                   to_stream(std::move(s)));
}

array gather(const array& a, const array& indices, int axis, const Shape& slice_sizes,
             StreamOrDevice s) {
  return gather(a, std::vector<array>{indices}, std::vector<int>{axis}, slice_sizes, std::move(s));
}

array take(const array& a, const array& indices, int axis, StreamOrDevice s) {
  axis = normalize_axis_index(axis, rank_of(a), "[take] ");
  check_index(indices, "take");
  require(a.shape()[axis] > 0 || indices.size() == 0, "[take] Axis ", axis,
          " has no elements, but there are ", indices.size(), " indices.");
  return make_node(kTake, {a, indices}, Attrs(TakeAttrs{axis}), to_stream(std::move(s)));
}

array take(const array& a, const array& indices, StreamOrDevice s) {
  return take(flatten(a, s), indices, 0, s);
}

array take(const array& a, int index, int axis, StreamOrDevice s) {
  axis = normalize_axis_index(axis, rank_of(a), "[take] ");
  const ShapeElem position = checked_position(a, index, axis);
  Shape start(a.ndim(), 0);
  Shape stop = a.shape();
  start[axis] = position;
  stop[axis] = position + 1;
  return squeeze(slice(a, std::move(start), std::move(stop), s), axis, s);
}

array take(const array& a, int index, StreamOrDevice s) { return take(flatten(a, s), index, 0, s); }

array take_along_axis(const array& a, const array& indices, int axis, StreamOrDevice s) {
  check_index(indices, "take_along_axis");
  require(indices.ndim() == a.ndim(), "[take_along_axis] Number of dimensions of the indices: got ",
          indices.ndim(), ", expected ", a.ndim(), ".");
  axis = normalize_axis_index(axis, rank_of(a), "[take_along_axis] ");
  require(a.shape()[axis] > 0 || indices.size() == 0, "[take_along_axis] Axis ", axis,
          " has no elements, but there are ", indices.size(), " indices.");
  Shape from = a.shape();
  Shape at = indices.shape();
  from[axis] = at[axis] = 1;
  from = at = broadcast_shapes(from, at);
  from[axis] = a.shape()[axis];
  at[axis] = indices.shape()[axis];
  return make_node(kTakeAlong, {broadcast_to(a, from, s), broadcast_to(indices, at, s)},
                   Attrs(TakeAlongAttrs{axis}), to_stream(s));
}

}  // namespace mlx::core
