// Slices, and updates of slices.

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/axes.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/elementwise_ops.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/ops/shape_ops.h"
#include "mlx/core/utils.h"

namespace mlx::core {
namespace {

// Python's rules: negative positions count from the end, what lies outside is clipped.
SliceAttrs normalize(const array& a, const Shape& start, const Shape& stop, const Shape& strides,
                     const char* op) {
  const std::string_view name(op);
  require(start.size() == a.ndim() && stop.size() == a.ndim() && strides.size() == a.ndim(), "[",
          name, "] Number of starts, stops and strides: got ", start.size(), ", ", stop.size(),
          " and ", strides.size(), ", expected ", a.ndim(), ".");
  SliceAttrs out{start, strides, a.shape()};
  for (size_t i = 0; i < a.ndim(); ++i) {
    const ShapeElem n = a.shape()[i];
    const ShapeElem step = strides[i];
    require(step != 0, "[", name, "] Stride of axis ", i, ": got 0.");
    const ShapeElem low = step > 0 ? 0 : -1;
    const ShapeElem high = step > 0 ? n : n - 1;
    const auto clip = [&](ShapeElem v) { return std::clamp(v < 0 ? v + n : v, low, high); };
    const ShapeElem first = clip(start[i]);
    const ShapeElem end = clip(stop[i]);
    const ShapeElem distance = step > 0 ? end - first : first - end;
    const ShapeElem size = std::abs(step);
    out.shape[i] = std::max<ShapeElem>(0, (distance + size - 1) / size);
    out.start[i] = out.shape[i] == 0 ? 0 : first;
  }
  return out;
}

bool is_everything(const array& a, const SliceAttrs& slice) {
  return slice.shape == a.shape() &&
         std::all_of(slice.strides.begin(), slice.strides.end(), [](auto v) { return v == 1; });
}

// ---- static slice

Type infer_slice(Inputs in, const Attrs& attrs) {
  return {attrs.get<SliceAttrs>().shape, in[0].dtype()};
}

void run_slice(const KernelArgs& args) {
  const auto& slice = args.attrs.get<SliceAttrs>();
  const array& in = args.inputs[0];
  array& out = args.outputs[0];
  Strides strides = in.strides();
  int64_t offset = 0;
  for (size_t i = 0; i < in.ndim(); ++i) {
    offset += slice.start[i] * in.strides()[i];
    strides[i] *= slice.strides[i];
  }
  const size_t span = strided_span(out.shape(), strides);
  out.copy_shared_buffer(in, strides, layout_flags(out.shape(), strides, span), span, offset);
}

array update_at(const array& src, const array& update, const SliceAttrs& slice, StreamOrDevice s) {
  return make_node(kSliceUpdate, {src, update}, Attrs(slice), to_stream(std::move(s)));
}

array slice_at(const array& a, const SliceAttrs& slice, StreamOrDevice s) {
  return make_node(kSlice, {a}, Attrs(slice), to_stream(std::move(s)));
}

Arrays vjp_slice(const VjpArgs& args) {
  const array& in = args.inputs[0];
  return {update_at(zeros(in.shape(), in.dtype(), args.stream), args.cotangents[0],
                    args.attrs.get<SliceAttrs>(), args.stream)};
}

// The same slice, of all of the mapped axis.
SliceAttrs of_every(const VmapArgs& args) {
  const auto& [start, strides, shape] = args.attrs.get<SliceAttrs>();
  return {behind_mapped(0, start), behind_mapped(1, strides),
          behind_mapped(mapped_size(args), shape)};
}

Mapped vmap_slice(const VmapArgs& args) {
  return map_in_front(kSlice, args, Attrs(of_every(args)));
}

// ---- slice update

Type infer_slice_update(Inputs in, const Attrs&) { return {in[0].shape(), in[0].dtype()}; }

Arrays vjp_slice_update(const VjpArgs& args) {
  const auto& attrs = args.attrs.get<SliceAttrs>();
  const array& g = args.cotangents[0];
  Arrays out;
  for (int arg : args.argnums) {
    const array& in = args.inputs[static_cast<size_t>(arg)];
    out.push_back(
        arg == 1 ? slice_at(g, attrs, args.stream)
                 : update_at(g, zeros(attrs.shape, in.dtype(), args.stream), attrs, args.stream));
  }
  return out;
}

Mapped vmap_slice_update(const VmapArgs& args) {
  return map_in_front(kSliceUpdate, args, Attrs(of_every(args)));
}

/// How the old elements of the slice combine with the new.
using Combine = array (*)(const array& old, const array& update, StreamOrDevice s);

array slice_update_with(const array& src, const array& update, const Shape& start,
                        const Shape& stop, const Shape& strides, Combine combine, const char* op,
                        StreamOrDevice s) {
  const SliceAttrs slice = normalize(src, start, stop, strides, op);
  array values = astype(update, src.dtype(), s);
  // Leading axes of one element more than the slice has do not count.
  while (values.ndim() > src.ndim() && values.shape(0) == 1) {
    values = squeeze(values, 0, s);
  }
  values = broadcast_to(values, slice.shape, s);
  if (combine != nullptr) {
    values = combine(slice_at(src, slice, s), values, s);
  }
  return is_everything(src, slice) ? values : update_at(src, values, slice, std::move(s));
}

// ---- slices whose start is data

void check_dynamic(const array& a, const array& start, const std::vector<int>& axes,
                   const Shape& slice_size, const char* op) {
  const std::string_view name(op);
  require(issubdtype(start.dtype(), integer), "[", name, "] Start dtype: got ", start.dtype(),
          ", expected an integer dtype.");
  require(start.ndim() <= 1 && start.size() == axes.size(), "[", name, "] Number of starts: got ",
          start.size(), ", expected ", axes.size(), ".");
  require(slice_size.size() == a.ndim(), "[", name, "] Number of sizes: got ", slice_size.size(),
          ", expected ", a.ndim(), ".");
  for (size_t i = 0; i < a.ndim(); ++i) {
    require(slice_size[i] >= 0 && slice_size[i] <= a.shape()[i], "[", name, "] Size of axis ", i,
            ": got ", slice_size[i], ", expected at most ", a.shape()[i], ".");
  }
}

Type infer_dynamic_slice(Inputs in, const Attrs& attrs) {
  return {attrs.get<DynamicSliceAttrs>().shape, in[0].dtype()};
}

Arrays vjp_dynamic_slice(const VjpArgs& args) {
  const auto& attrs = args.attrs.get<DynamicSliceAttrs>();
  Arrays out;
  for (int arg : args.argnums) {
    const array zero = zeros_like(args.inputs[static_cast<size_t>(arg)], args.stream);
    out.push_back(
        arg == 0 ? slice_update(zero, args.cotangents[0], args.inputs[1], attrs.axes, args.stream)
                 : zero);
  }
  return out;
}

Type infer_dynamic_slice_update(Inputs in, const Attrs&) { return {in[0].shape(), in[0].dtype()}; }

Arrays vjp_dynamic_slice_update(const VjpArgs& args) {
  const auto& attrs = args.attrs.get<DynamicSliceAttrs>();
  const Stream s = args.stream;
  const array& g = args.cotangents[0];
  Arrays out;
  for (int arg : args.argnums) {
    const array& in = args.inputs[static_cast<size_t>(arg)];
    if (arg == 0) {
      out.push_back(slice_update(g, zeros_like(args.inputs[1], s), args.inputs[2], attrs.axes, s));
    } else if (arg == 1) {
      out.push_back(slice(g, args.inputs[2], attrs.axes, attrs.shape, s));
    } else {
      out.push_back(zeros_like(in, s));
    }
  }
  return out;
}

}  // namespace

constinit const Op kSlice{.name = "Slice",
                          .infer = infer_slice,
                          .vjp = vjp_slice,
                          .vmap = vmap_slice,
                          .run = run_slice,
                          .holds_sizes = kAlways};
constinit const Op kSliceUpdate{.name = "SliceUpdate",
                                .infer = infer_slice_update,
                                .vjp = vjp_slice_update,
                                .vmap = vmap_slice_update,
                                .holds_sizes = kAlways};
constinit const Op kDynamicSlice{.name = "DynamicSlice",
                                 .infer = infer_dynamic_slice,
                                 .vjp = vjp_dynamic_slice,
                                 .vmap = vmap_dynamic_slice,
                                 .holds_sizes = kAlways};
constinit const Op kDynamicSliceUpdate{.name = "DynamicSliceUpdate",
                                       .infer = infer_dynamic_slice_update,
                                       .vjp = vjp_dynamic_slice_update,
                                       .vmap = vmap_dynamic_slice_update,
                                       .holds_sizes = kAlways};

array slice(const array& a, Shape start, Shape stop, Shape strides, StreamOrDevice s) {
  const SliceAttrs attrs = normalize(a, start, stop, strides, "slice");
  return is_everything(a, attrs) ? a : slice_at(a, attrs, std::move(s));
}

array slice(const array& a, std::initializer_list<int> start, Shape stop, Shape strides,
            StreamOrDevice s) {
  return slice(a, Shape(start.begin(), start.end()), std::move(stop), std::move(strides),
               std::move(s));
}

array slice(const array& a, Shape start, Shape stop, StreamOrDevice s) {
  return slice(a, std::move(start), std::move(stop), Shape(a.ndim(), 1), std::move(s));
}

array slice(const array& a, const array& start, std::vector<int> axes, Shape slice_size,
            StreamOrDevice s) {
  check_dynamic(a, start, axes, slice_size, "slice");
  for (int& axis : axes) {
    axis = normalize_axis_index(axis, rank_of(a), "[slice] ");
  }
  normalize_axes(axes, rank_of(a), "slice");
  return make_node(kDynamicSlice, {a, start},
                   Attrs(DynamicSliceAttrs{std::move(axes), std::move(slice_size)}),
                   to_stream(std::move(s)));
}

array slice_update(const array& src, const array& update, const array& start, std::vector<int> axes,
                   StreamOrDevice s) {
  Shape size = update.shape();
  check_dynamic(src, start, axes, size, "slice_update");
  for (int& axis : axes) {
    axis = normalize_axis_index(axis, rank_of(src), "[slice_update] ");
  }
  normalize_axes(axes, rank_of(src), "slice_update");
  return make_node(kDynamicSliceUpdate, {src, astype(update, src.dtype(), s), start},
                   Attrs(DynamicSliceAttrs{std::move(axes), std::move(size)}),
                   to_stream(std::move(s)));
}

// slice_update and its combining kin differ only in the mode.
#define MLX_SLICE_UPDATE(name, combine)                                                          \
  array name(const array& src, const array& update, Shape start, Shape stop, Shape strides,      \
             StreamOrDevice s) {                                                                 \
    return slice_update_with(src, update, start, stop, strides, combine, #name, s);              \
  }                                                                                              \
  array name(const array& src, const array& update, Shape start, Shape stop, StreamOrDevice s) { \
    return slice_update_with(src, update, start, stop, Shape(src.ndim(), 1), combine, #name, s); \
  }
MLX_SLICE_UPDATE(slice_update, nullptr)
MLX_SLICE_UPDATE(slice_update_add, add)
MLX_SLICE_UPDATE(slice_update_prod, multiply)
MLX_SLICE_UPDATE(slice_update_max, maximum)
MLX_SLICE_UPDATE(slice_update_min, minimum)
#undef MLX_SLICE_UPDATE

array flip(const array& a, const std::vector<int>& axes, StreamOrDevice s) {
  Shape start(a.ndim(), 0);
  Shape stop = a.shape();
  Shape strides(a.ndim(), 1);
  for (int axis : normalize_axes(axes, rank_of(a), "flip")) {
    start[axis] = a.shape()[axis] - 1;
    stop[axis] = -a.shape()[axis] - 1;
    strides[axis] = -1;
  }
  return slice(a, std::move(start), std::move(stop), std::move(strides), std::move(s));
}

array flip(const array& a, int axis, StreamOrDevice s) {
  return flip(a, std::vector<int>{axis}, std::move(s));
}

array flip(const array& a, StreamOrDevice s) {
  std::vector<int> axes;
  for (int i = 0; i < rank_of(a); ++i) {
    axes.push_back(i);
  }
  return flip(a, axes, std::move(s));
}

}  // namespace mlx::core
