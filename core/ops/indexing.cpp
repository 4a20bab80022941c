#include "mlx/core/ops/indexing.h"

#include <algorithm>
#include <numeric>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/elementwise_ops.h"
#include "mlx/core/ops/indexing_ops.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/ops/shape_ops.h"

namespace mlx::core {
namespace {

int rank_of(const array& a) { return static_cast<int>(a.ndim()); }

void check_index(const array& index, std::string_view op) {
  require(issubdtype(index.dtype(), integer), "[", op, "] Index dtype: got ", index.dtype(),
          ", expected an integer dtype.");
}

// Non-negative axes, in the order given.
std::vector<int> checked_axes(std::vector<int> axes, const array& a, std::string_view op) {
  const std::string prefix = concat("[", op, "] ");
  for (int& axis : axes) {
    axis = normalize_axis_index(axis, rank_of(a), prefix);
  }
  std::vector<int> sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  require(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end(), prefix,
          "An axis is given twice.");
  return axes;
}

std::vector<array> checked_indices(const std::vector<array>& indices, size_t axes,
                                   std::string_view op, StreamOrDevice s) {
  require(indices.size() == axes, "[", op, "] Number of index arrays: got ", indices.size(),
          ", expected one for each of ", axes, " axes.");
  for (const array& index : indices) {
    check_index(index, op);
  }
  return broadcast_arrays(indices, s);
}

Shape index_shape(Inputs indices) { return indices.empty() ? Shape{} : indices[0].shape(); }

// ---- gather

Type infer_gather(Inputs in, const Attrs& attrs) {
  Shape shape = index_shape(in.subspan(1));
  const Shape& slice = attrs.get<GatherAttrs>().slice_sizes;
  shape.insert(shape.end(), slice.begin(), slice.end());
  return {std::move(shape), in[0].dtype()};
}

Arrays vjp_gather(const VjpArgs& args) {
  const auto& attrs = args.attrs.get<GatherAttrs>();
  const std::vector<array> indices(args.inputs.begin() + 1, args.inputs.end());
  Arrays out;
  for (int arg : args.argnums) {
    const array zero = zeros_like(args.inputs[static_cast<size_t>(arg)], args.stream);
    out.push_back(arg == 0 ? scatter_add(zero, indices, args.cotangents[0], attrs.axes, args.stream)
                           : zero);
  }
  return out;
}

// ---- scatter

Type infer_same(Inputs in, const Attrs&) { return {in[0].shape(), in[0].dtype()}; }

struct ScatterCotangents {
  array array_part;
  array update_part;
};

ScatterCotangents scatter_cotangents(const VjpArgs& args, const std::vector<array>& indices) {
  const auto& attrs = args.attrs.get<ScatterAttrs>();
  const Stream s = args.stream;
  const array& a = args.inputs[0];
  const array& updates = args.inputs[1];
  const array& g = args.cotangents[0];
  const Shape slice(updates.shape().end() - rank_of(a), updates.shape().end());
  const auto at_updates = [&](const array& x) { return gather(x, indices, attrs.axes, slice, s); };
  switch (attrs.mode) {
    case ScatterMode::assign:
      return {scatter(g, indices, zeros_like(updates, s), attrs.axes, s), at_updates(g)};
    case ScatterMode::add:
      return {g, at_updates(g)};
    case ScatterMode::prod:
      return {scatter_prod(g, indices, updates, attrs.axes, s),
              divide(at_updates(multiply(g, args.outputs[0], s)), updates, s)};
    case ScatterMode::max:
    case ScatterMode::min:
      break;
  }
  const array zero(0, g.dtype());
  return {where(equal(args.outputs[0], a, s), g, zero, s),
          where(equal(at_updates(args.outputs[0]), updates, s), at_updates(g), zero, s)};
}

Arrays vjp_scatter(const VjpArgs& args) {
  const std::vector<array> indices(args.inputs.begin() + 2, args.inputs.end());
  const ScatterCotangents g = scatter_cotangents(args, indices);
  Arrays out;
  for (int arg : args.argnums) {
    out.push_back(arg == 0   ? g.array_part
                  : arg == 1 ? g.update_part
                             : zeros_like(args.inputs[static_cast<size_t>(arg)], args.stream));
  }
  return out;
}

array scatter_with(const array& a, const std::vector<array>& indices, const array& updates,
                   const std::vector<int>& axes, ScatterMode mode, std::string_view op,
                   StreamOrDevice s) {
  const auto checked = checked_axes(axes, a, op);
  const std::vector<array> index = checked_indices(indices, axes.size(), op, s);
  const size_t index_ndim = index_shape(index).size();
  require(updates.ndim() == index_ndim + a.ndim(), "[", op, "] Dimensions of the updates: got ",
          updates.ndim(), ", expected ", index_ndim, " of the indices and ", a.ndim(),
          " of the array.");
  for (size_t i = 0; i < index_ndim; ++i) {
    require(updates.shape()[i] == index[0].shape()[i], "[", op, "] Updates of shape ",
            updates.shape(), " do not begin with the indices' shape ", index[0].shape(), ".");
  }
  for (size_t i = 0; i < a.ndim(); ++i) {
    require(updates.shape()[index_ndim + i] <= a.shape()[i], "[", op, "] Updates of shape ",
            updates.shape(), " have slices larger than the array of shape ", a.shape(), ".");
  }
  std::vector<array> inputs{a, astype(updates, a.dtype(), s)};
  inputs.insert(inputs.end(), index.begin(), index.end());
  return make_node(kScatter, std::move(inputs), Attrs(ScatterAttrs{checked, mode}), to_stream(s));
}

// ---- along one axis

Type infer_gather_axis(Inputs in, const Attrs&) { return {in[1].shape(), in[0].dtype()}; }

Arrays vjp_gather_axis(const VjpArgs& args) {
  const int axis = args.attrs.get<GatherAxisAttrs>().axis;
  Arrays out;
  for (int arg : args.argnums) {
    const array zero = zeros_like(args.inputs[static_cast<size_t>(arg)], args.stream);
    out.push_back(
        arg == 0 ? scatter_add_axis(zero, args.inputs[1], args.cotangents[0], axis, args.stream)
                 : zero);
  }
  return out;
}

Arrays vjp_scatter_axis(const VjpArgs& args) {
  const auto& attrs = args.attrs.get<ScatterAxisAttrs>();
  const Stream s = args.stream;
  const array& g = args.cotangents[0];
  Arrays out;
  for (int arg : args.argnums) {
    const array& in = args.inputs[static_cast<size_t>(arg)];
    if (arg == 2) {
      out.push_back(take_along_axis(g, args.inputs[1], attrs.axis, s));
    } else if (arg == 1) {
      out.push_back(zeros_like(in, s));
    } else if (attrs.mode == ScatterMode::add) {
      out.push_back(g);
    } else {
      out.push_back(
          put_along_axis(g, args.inputs[1], zeros_like(args.inputs[2], s), attrs.axis, s));
    }
  }
  return out;
}

// The array and the indices broadcast against each other, except along `axis`.
std::pair<Shape, Shape> shapes_along(const array& a, const array& indices, int axis,
                                     std::string_view op) {
  require(a.ndim() == indices.ndim(), "[", op, "] Dimensions of the indices: got ", indices.ndim(),
          ", expected ", a.ndim(), ".");
  Shape of_a = a.shape();
  Shape of_indices = indices.shape();
  of_a[axis] = 1;
  of_indices[axis] = 1;
  const Shape common = broadcast_shapes(of_a, of_indices);
  of_a = common;
  of_indices = common;
  of_a[axis] = a.shape()[axis];
  of_indices[axis] = indices.shape()[axis];
  return {of_a, of_indices};
}

array scatter_axis_with(const array& a, const array& indices, const array& values, int axis,
                        ScatterMode mode, std::string_view op, StreamOrDevice s) {
  check_index(indices, op);
  axis = normalize_axis_index(axis, rank_of(a), concat("[", op, "] "));
  const auto [unused, shape] = shapes_along(a, indices, axis, op);
  const array spread = broadcast_to(indices, shape, s);
  const array updates = broadcast_to(astype(values, a.dtype(), s), shape, s);
  return make_node(kScatterAxis, {a, spread, updates}, Attrs(ScatterAxisAttrs{axis, mode}),
                   to_stream(s));
}

}  // namespace

constinit const Op kGather{.name = "Gather", .infer = infer_gather, .vjp = vjp_gather};
constinit const Op kScatter{.name = "Scatter", .infer = infer_same, .vjp = vjp_scatter};
constinit const Op kGatherAxis{
    .name = "GatherAxis", .infer = infer_gather_axis, .vjp = vjp_gather_axis};
constinit const Op kScatterAxis{
    .name = "ScatterAxis", .infer = infer_same, .vjp = vjp_scatter_axis};

array gather(const array& a, const std::vector<array>& indices, const std::vector<int>& axes,
             const Shape& slice_sizes, StreamOrDevice s) {
  const auto checked = checked_axes(axes, a, "gather");
  const std::vector<array> index = checked_indices(indices, axes.size(), "gather", s);
  require(slice_sizes.size() == a.ndim(), "[gather] Number of slice sizes: got ",
          slice_sizes.size(), ", expected ", a.ndim(), ".");
  for (size_t i = 0; i < a.ndim(); ++i) {
    require(slice_sizes[i] >= 0 && slice_sizes[i] <= a.shape()[i], "[gather] Slice size of axis ",
            i, ": got ", slice_sizes[i], ", expected at most ", a.shape()[i], ".");
  }
  std::vector<array> inputs{a};
  inputs.insert(inputs.end(), index.begin(), index.end());
  return make_node(kGather, std::move(inputs), Attrs(GatherAttrs{checked, slice_sizes}),
                   to_stream(s));
}

array gather(const array& a, const array& indices, int axis, const Shape& slice_sizes,
             StreamOrDevice s) {
  return gather(a, std::vector<array>{indices}, std::vector<int>{axis}, slice_sizes, std::move(s));
}

array take(const array& a, const array& indices, int axis, StreamOrDevice s) {
  axis = normalize_axis_index(axis, rank_of(a), "[take] ");
  check_index(indices, "take");
  require(a.size() > 0 || indices.size() == 0, "[take] Cannot take ", indices.size(),
          " elements of an empty array.");
  Shape slice = a.shape();
  slice[axis] = std::min<ShapeElem>(1, slice[axis]);
  array out = gather(a, indices, axis, slice, s);
  // [index..., slice with a 1 at axis] -> [before axis, index..., after axis]
  const int index_ndim = rank_of(indices);
  out = slice[axis] == 1 ? squeeze(out, index_ndim + axis, s)
                         : reshape(out, Shape(out.shape().begin(), out.shape().end() - 1), s);
  std::vector<int> order(out.ndim());
  std::iota(order.begin(), order.end(), 0);
  std::rotate(order.begin(), order.begin() + index_ndim, order.begin() + index_ndim + axis);
  return transpose(out, std::move(order), s);
}

array take(const array& a, int index, int axis, StreamOrDevice s) {
  axis = normalize_axis_index(axis, rank_of(a), "[take] ");
  const ShapeElem size = a.shape()[axis];
  if (index < -size || index >= size) {
    throw std::out_of_range(
        concat("[take] Index ", index, " is out of bounds for an axis of ", size, " elements."));
  }
  Shape start(a.ndim(), 0);
  Shape stop = a.shape();
  start[axis] = index < 0 ? index + size : index;
  stop[axis] = start[axis] + 1;
  return squeeze(slice(a, std::move(start), std::move(stop), s), axis, s);
}

array take(const array& a, const array& indices, StreamOrDevice s) {
  return take(flatten(a, s), indices, 0, s);
}

array take(const array& a, int index, StreamOrDevice s) { return take(flatten(a, s), index, 0, s); }

array take_along_axis(const array& a, const array& indices, int axis, StreamOrDevice s) {
  check_index(indices, "take_along_axis");
  axis = normalize_axis_index(axis, rank_of(a), "[take_along_axis] ");
  const auto [of_a, of_indices] = shapes_along(a, indices, axis, "take_along_axis");
  return make_node(kGatherAxis, {broadcast_to(a, of_a, s), broadcast_to(indices, of_indices, s)},
                   Attrs(GatherAxisAttrs{axis}), to_stream(s));
}

array put_along_axis(const array& a, const array& indices, const array& values, int axis,
                     StreamOrDevice s) {
  return scatter_axis_with(a, indices, values, axis, ScatterMode::assign, "put_along_axis",
                           std::move(s));
}

array scatter_add_axis(const array& a, const array& indices, const array& values, int axis,
                       StreamOrDevice s) {
  return scatter_axis_with(a, indices, values, axis, ScatterMode::add, "scatter_add_axis",
                           std::move(s));
}

// scatter and its combining kin differ only in the mode.
#define MLX_SCATTER(name, mode)                                                                 \
  array name(const array& a, const std::vector<array>& indices, const array& updates,           \
             const std::vector<int>& axes, StreamOrDevice s) {                                  \
    return scatter_with(a, indices, updates, axes, ScatterMode::mode, #name, std::move(s));     \
  }                                                                                             \
  array name(const array& a, const array& indices, const array& updates, int axis,              \
             StreamOrDevice s) {                                                                \
    return scatter_with(a, {indices}, updates, {axis}, ScatterMode::mode, #name, std::move(s)); \
  }
MLX_SCATTER(scatter, assign)
MLX_SCATTER(scatter_add, add)
MLX_SCATTER(scatter_prod, prod)
MLX_SCATTER(scatter_max, max)
MLX_SCATTER(scatter_min, min)
#undef MLX_SCATTER

array masked_scatter(const array& a, const array& mask, const array& src, StreamOrDevice s) {
  require(mask.dtype() == bool_, "[masked_scatter] Mask dtype: got ", mask.dtype(),
          ", expected bool.");
  require(mask.ndim() <= a.ndim(), "[masked_scatter] Mask of shape ", mask.shape(),
          " has more dimensions than the array of shape ", a.shape(), ".");
  if (src.size() == 0) {
    return a;
  }
  Shape aligned = mask.shape();  // the mask belongs to the leading axes
  aligned.resize(a.ndim(), 1);
  const array chosen = flatten(broadcast_to(reshape(mask, aligned, s), a.shape(), s), s);
  // The k-th true position takes the k-th value; beyond the last value it repeats.
  const array order = cumsum(astype(chosen, int64, s), 0, false, false, std::nullopt, s);
  const array position = minimum(order, array(static_cast<int64_t>(src.size()) - 1), s);
  const array values = take(flatten(astype(src, a.dtype(), s), s), position, 0, s);
  return reshape(where(chosen, values, flatten(a, s), s), a.shape(), s);
}

}  // namespace mlx::core
