// The vmap rules of indexing. Indices that are mapped name elements of their
// own part of the array: where the array is mapped too, the mapped axis gets an
// index array of its own, which counts.

#include <algorithm>
#include <numeric>

#include "mlx/core/ops/axes.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/indexing_ops.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/ops/shape_ops.h"

namespace mlx::core {
namespace {

/// The index arrays of a gather or scatter.
struct Indices {
  Arrays arrays;
  std::vector<int> axes;
};

// The inputs from `first` up to `end`, repeated in front.
Arrays indices_in_front(const VmapArgs& args, size_t first, size_t end) {
  Arrays indices;
  for (size_t i = first; i < end; ++i) {
    indices.push_back(repeated_in_front(args, i));
  }
  return indices;
}

// Indices with the mapped axis in front, for an array that has it in front too.
Indices with_counter(Indices indices, Stream s) {
  const Shape& shape = indices.arrays[0].shape();
  Shape column(shape.size(), 1);
  column[0] = shape[0];
  const array counter = reshape(arange(static_cast<double>(shape[0]), int64, s), column, s);
  indices.arrays.insert(indices.arrays.begin(), broadcast_to(counter, shape, s));
  indices.axes = behind_mapped(std::move(indices.axes));
  indices.axes.insert(indices.axes.begin(), 0);
  return indices;
}

// gather of input 0 at indices that have the mapped axis in front; so has the result.
array gather_mapped(const VmapArgs& args, Indices indices, const Shape& slice) {
  const Stream s = args.stream;
  if (!is_mapped(args, 0)) {
    return gather(args.inputs[0], indices.arrays, indices.axes, slice, s);
  }
  const int slice_begin = rank_of(indices.arrays[0]);
  indices = with_counter(std::move(indices), s);
  const array out =
      gather(in_front(args, 0), indices.arrays, indices.axes, behind_mapped(1, slice), s);
  return squeeze(out, slice_begin, s);
}

array make_scatter(const array& a, const Indices& indices, const array& updates, ScatterMode mode,
                   Stream s) {
  Arrays inputs{a};
  inputs.insert(inputs.end(), indices.arrays.begin(), indices.arrays.end());
  inputs.push_back(updates);
  return make_node(kScatter, std::move(inputs), Attrs(ScatterAttrs{indices.axes, mode}), s);
}

// The same for scatter to input 0; the updates have the mapped axis in front.
array scatter_mapped(const VmapArgs& args, const Indices& indices, const array& updates,
                     ScatterMode mode) {
  const Stream s = args.stream;
  return make_scatter(repeated_in_front(args, 0), with_counter(indices, s),
                      expand_dims(updates, rank_of(indices.arrays[0]), s), mode, s);
}

// The starts of a dynamic slice, input `input`, as one index for each mapped element.
Indices starts_as_indices(const VmapArgs& args, size_t input, const Shape& of) {
  const Stream s = args.stream;
  const auto& attrs = args.attrs.get<DynamicSliceAttrs>();
  const ShapeElem count = mapped_size(args);
  const array starts = reshape(astype(in_front(args, input), int64, s),
                               {count, static_cast<ShapeElem>(attrs.axes.size())}, s);
  Indices indices{{}, attrs.axes};
  for (size_t i = 0; i < attrs.axes.size(); ++i) {
    const int axis = attrs.axes[i];
    // Starts stop at the ends, where an index would be an error.
    const array start = take(starts, static_cast<int>(i), 1, s);
    const array last(of[axis] - attrs.shape[axis], int64);
    indices.arrays.push_back(minimum(maximum(start, array(0, int64), s), last, s));
  }
  return indices;
}

// Shape of one mapped element of an input.
Shape own_shape(const VmapArgs& args, size_t input) {
  Shape shape = args.inputs[input].shape();
  if (is_mapped(args, input)) {
    shape.erase(shape.begin() + args.axes[input]);
  }
  return shape;
}

}  // namespace

Mapped vmap_take(const VmapArgs& args) {
  const Stream s = args.stream;
  const int axis = args.attrs.get<TakeAttrs>().axis;
  if (!is_mapped(args, 1)) {
    return mapped_in_front({take(in_front(args, 0), args.inputs[1], axis + 1, s)});
  }
  if (!is_mapped(args, 0)) {  // the indices' axes take the place of the array's
    return {{take(args.inputs[0], args.inputs[1], axis, s)}, {axis + args.axes[1]}};
  }
  // [mapped, indices..., array...] -> [mapped, array with the indices' axes at `axis`...]
  const array indices = in_front(args, 1);
  Shape slice = own_shape(args, 0);
  slice[axis] = std::min<ShapeElem>(1, slice[axis]);
  const array slices = gather_mapped(args, {{indices}, {axis}}, slice);
  Shape shape = slices.shape();
  shape.erase(shape.begin() + rank_of(indices) + axis);
  const array taken = reshape(slices, std::move(shape), s);
  std::vector<int> order(taken.ndim());
  std::iota(order.begin(), order.end(), 0);
  std::rotate(order.begin() + 1, order.begin() + rank_of(indices),
              order.begin() + rank_of(indices) + axis);
  return mapped_in_front({transpose(taken, std::move(order), s)});
}

Mapped vmap_gather(const VmapArgs& args) {
  const auto& [axes, slice] = args.attrs.get<GatherAttrs>();
  const size_t count = args.inputs.size();
  if (any_mapped(args, 1, count)) {
    return mapped_in_front({gather_mapped(args, {indices_in_front(args, 1, count), axes}, slice)});
  }
  const Arrays indices(args.inputs.begin() + 1, args.inputs.end());
  const int slice_begin = indices.empty() ? 0 : rank_of(indices[0]);
  return {{gather(in_front(args, 0), indices, behind_mapped(axes),
                  behind_mapped(mapped_size(args), slice), args.stream)},
          {slice_begin}};
}

Mapped vmap_scatter(const VmapArgs& args) {
  const Stream s = args.stream;
  const auto& [axes, mode] = args.attrs.get<ScatterAttrs>();
  const size_t last = args.inputs.size() - 1;
  const array updates = repeated_in_front(args, last);
  if (any_mapped(args, 1, last)) {
    return mapped_in_front(
        {scatter_mapped(args, {indices_in_front(args, 1, last), axes}, updates, mode)});
  }
  // The slices have the mapped axis, behind the axes of the indices.
  const Arrays indices(args.inputs.begin() + 1, args.inputs.end() - 1);
  const int slice_begin = indices.empty() ? 0 : rank_of(indices[0]);
  return mapped_in_front({make_scatter(repeated_in_front(args, 0), {indices, behind_mapped(axes)},
                                       moveaxis(updates, 0, slice_begin, s), mode, s)});
}

Mapped vmap_take_along(const VmapArgs& args) {
  const int axis = args.attrs.get<TakeAlongAttrs>().axis;
  return map_in_front(kTakeAlong, args, Attrs(TakeAlongAttrs{axis + 1}));
}

Mapped vmap_scatter_along(const VmapArgs& args) {
  ScatterAlongAttrs attrs = args.attrs.get<ScatterAlongAttrs>();
  ++attrs.axis;
  return map_in_front(kScatterAlong, args, Attrs(attrs));
}

Mapped vmap_dynamic_slice(const VmapArgs& args) {
  DynamicSliceAttrs attrs = args.attrs.get<DynamicSliceAttrs>();
  if (is_mapped(args, 1) && !attrs.axes.empty()) {
    return mapped_in_front(
        {gather_mapped(args, starts_as_indices(args, 1, own_shape(args, 0)), attrs.shape)});
  }
  attrs = {behind_mapped(attrs.axes), behind_mapped(mapped_size(args), attrs.shape)};
  return mapped_in_front({make_node(kDynamicSlice, {repeated_in_front(args, 0), args.inputs[1]},
                                    Attrs(std::move(attrs)), args.stream)});
}

Mapped vmap_dynamic_slice_update(const VmapArgs& args) {
  DynamicSliceAttrs attrs = args.attrs.get<DynamicSliceAttrs>();
  const array updates = repeated_in_front(args, 1);
  if (is_mapped(args, 2) && !attrs.axes.empty()) {
    const Indices indices = starts_as_indices(args, 2, own_shape(args, 0));
    return mapped_in_front({scatter_mapped(args, indices, updates, ScatterMode::assign)});
  }
  attrs = {behind_mapped(attrs.axes), behind_mapped(mapped_size(args), attrs.shape)};
  return mapped_in_front(
      {make_node(kDynamicSliceUpdate, {repeated_in_front(args, 0), updates, args.inputs[2]},
                 Attrs(std::move(attrs)), args.stream)});
}

}  // namespace mlx::core
