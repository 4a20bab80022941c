// Joining and cutting: concatenate, split, stack, pad and what they make up.

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/axes.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/ops/shape_ops.h"
#include "mlx/core/utils.h"

namespace mlx::core {
namespace {

// The part [begin, end) of one axis.
array part(const array& a, int axis, ShapeElem begin, ShapeElem end, StreamOrDevice s) {
  Shape start(a.ndim(), 0);
  Shape stop = a.shape();
  start[axis] = begin;
  stop[axis] = end;
  return slice(a, std::move(start), std::move(stop), std::move(s));
}

Type infer_concatenate(Inputs in, const Attrs& attrs) {
  const int axis = attrs.get<ConcatenateAttrs>().axis;
  Shape shape = in[0].shape();
  for (size_t i = 1; i < in.size(); ++i) {
    require(in[i].ndim() == shape.size(), "[concatenate] Number of dimensions: got ", in[i].ndim(),
            " and ", shape.size(), ", expected the same.");
    for (int d = 0; d < rank_of(in[i]); ++d) {
      require(d == axis || in[i].shape()[d] == shape[d], "[concatenate] Shapes ", in[0].shape(),
              " and ", in[i].shape(), " differ outside axis ", axis, ".");
    }
    shape[axis] += in[i].shape()[axis];
  }
  return {std::move(shape), in[0].dtype()};
}

Arrays vjp_concatenate(const VjpArgs& args) {
  const int axis = args.attrs.get<ConcatenateAttrs>().axis;
  Shape ends;
  ShapeElem end = 0;
  for (const array& in : args.inputs) {
    ends.push_back(end += in.shape()[axis]);
  }
  Arrays out;
  for (int arg : args.argnums) {
    const ShapeElem size = args.inputs[static_cast<size_t>(arg)].shape()[axis];
    out.push_back(part(args.cotangents[0], axis, ends[arg] - size, ends[arg], args.stream));
  }
  return out;
}

Mapped vmap_concatenate(const VmapArgs& args) {
  const int axis = args.attrs.get<ConcatenateAttrs>().axis;
  return map_in_front(kConcatenate, args, Attrs(ConcatenateAttrs{axis + 1}));
}

}  // namespace

constinit const Op kConcatenate{.name = "Concatenate",
                                .infer = infer_concatenate,
                                .vjp = vjp_concatenate,
                                .vmap = vmap_concatenate};

array concatenate(std::vector<array> arrays, int axis, StreamOrDevice s) {
  require(!arrays.empty(), "[concatenate] Got no arrays, expected at least one.");
  require(arrays[0].ndim() > 0, "[concatenate] A 0-d array has no axis to concatenate along.");
  axis = normalize_axis_index(axis, rank_of(arrays[0]), "[concatenate] ");
  if (arrays.size() == 1) {
    return arrays[0];
  }
  const Dtype dtype = result_type(arrays);
  for (array& a : arrays) {
    a = astype(a, dtype, s);
  }
  return make_node(kConcatenate, std::move(arrays), Attrs(ConcatenateAttrs{axis}),
                   to_stream(std::move(s)));
}

array concatenate(std::vector<array> arrays, StreamOrDevice s) {
  for (array& a : arrays) {
    a = flatten(a, s);
  }
  return concatenate(std::move(arrays), 0, std::move(s));
}

array stack(const std::vector<array>& arrays, int axis, StreamOrDevice s) {
  require(!arrays.empty(), "[stack] Got no arrays, expected at least one.");
  std::vector<array> expanded;
  for (const array& a : arrays) {
    require(a.shape() == arrays[0].shape(), "[stack] Shapes: got ", a.shape(), " and ",
            arrays[0].shape(), ", expected the same.");
    expanded.push_back(expand_dims(a, axis, s));
  }
  const int ndim = rank_of(arrays[0]) + 1;
  return concatenate(std::move(expanded), normalize_axis_index(axis, ndim, "[stack] "),
                     std::move(s));
}

array stack(const std::vector<array>& arrays, StreamOrDevice s) {
  return stack(arrays, 0, std::move(s));
}

std::vector<array> split(const array& a, const Shape& indices, int axis, StreamOrDevice s) {
  axis = normalize_axis_index(axis, rank_of(a), "[split] ");
  const ShapeElem size = a.shape()[axis];
  const auto position = [&](ShapeElem i) {
    return std::clamp<ShapeElem>(i < 0 ? i + size : i, 0, size);
  };
  std::vector<array> parts;
  ShapeElem begin = 0;
  for (ShapeElem index : indices) {
    const ShapeElem end = position(index);
    parts.push_back(part(a, axis, begin, std::max(begin, end), s));
    begin = end;
  }
  parts.push_back(part(a, axis, begin, size, s));
  return parts;
}

std::vector<array> split(const array& a, const Shape& indices, StreamOrDevice s) {
  return split(a, indices, 0, std::move(s));
}

std::vector<array> split(const array& a, int num_splits, int axis, StreamOrDevice s) {
  axis = normalize_axis_index(axis, rank_of(a), "[split] ");
  require(num_splits > 0 && a.shape()[axis] % num_splits == 0, "[split] Axis ", axis, " of ",
          a.shape()[axis], " elements does not divide into ", num_splits, " equal parts.");
  const ShapeElem step = a.shape()[axis] / num_splits;
  Shape indices;
  for (int i = 1; i < num_splits; ++i) {
    indices.push_back(i * step);
  }
  return split(a, indices, axis, std::move(s));
}

std::vector<array> split(const array& a, int num_splits, StreamOrDevice s) {
  return split(a, num_splits, 0, std::move(s));
}

std::vector<array> unstack(const array& a, int axis, StreamOrDevice s) {
  axis = normalize_axis_index(axis, rank_of(a), "[unstack] ");
  std::vector<array> parts;
  for (ShapeElem i = 0; i < a.shape()[axis]; ++i) {
    parts.push_back(squeeze(part(a, axis, i, i + 1, s), axis, s));
  }
  return parts;
}

std::vector<array> unstack(const array& a, StreamOrDevice s) { return unstack(a, 0, std::move(s)); }

array repeat(const array& arr, int repeats, int axis, StreamOrDevice s) {
  axis = normalize_axis_index(axis, rank_of(arr), "[repeat] ");
  require(repeats >= 0, "[repeat] Number of repeats: got ", repeats, ", expected at least 0.");
  const array expanded = expand_dims(arr, axis + 1, s);
  Shape shape = expanded.shape();
  shape[axis + 1] = repeats;
  Shape out = arr.shape();
  out[axis] *= repeats;
  return reshape(broadcast_to(expanded, shape, s), std::move(out), std::move(s));
}

array repeat(const array& arr, int repeats, StreamOrDevice s) {
  return repeat(flatten(arr, s), repeats, 0, std::move(s));
}

array tile(const array& arr, std::vector<int> reps, StreamOrDevice s) {
  Shape shape = arr.shape();
  while (shape.size() < reps.size()) {
    shape.insert(shape.begin(), 1);
  }
  reps.insert(reps.begin(), shape.size() - reps.size(), 1);
  // Each axis n becomes (reps, n), which broadcasting fills.
  Shape expanded;
  Shape filled;
  Shape out;
  for (size_t i = 0; i < shape.size(); ++i) {
    require(reps[i] >= 0, "[tile] Repetitions: got ", reps[i], ", expected at least 0.");
    expanded.push_back(1);
    expanded.push_back(shape[i]);
    filled.push_back(reps[i]);
    filled.push_back(shape[i]);
    out.push_back(reps[i] * shape[i]);
  }
  return reshape(broadcast_to(reshape(arr, std::move(expanded), s), filled, s), std::move(out), s);
}

// ---- pad

namespace {

// The element that is at position i of an endless line, of which 0 to size - 1 are there: the line
// runs to and fro, with the ends once (reflect) or twice (symmetric).
ShapeElem mirrored(ShapeElem i, ShapeElem size, bool ends_twice) {
  const ShapeElem period = std::max<ShapeElem>(ends_twice ? 2 * size : 2 * (size - 1), 1);
  const ShapeElem at = (i % period + period) % period;
  return std::min(at, (ends_twice ? period - 1 : period) - at);
}

// One axis of padding with its own elements, by gathering rows.
array pad_by_index(const array& a, int axis, ShapeElem low, ShapeElem high, const std::string& mode,
                   StreamOrDevice s) {
  const ShapeElem size = a.shape()[axis];
  require(size > 0, "[pad] Axis ", axis, " is empty and cannot be padded in mode ", mode, ".");
  std::vector<int64_t> index;
  for (ShapeElem i = -low; i < size + high; ++i) {
    index.push_back(mode == "edge" ? std::clamp<ShapeElem>(i, 0, size - 1)
                                   : mirrored(i, size, mode == "symmetric"));
  }
  const array rows(index.begin(), {static_cast<ShapeElem>(index.size())}, int64);
  return take(a, rows, axis, std::move(s));
}

}  // namespace

array pad(const array& a, const std::vector<int>& axes, const Shape& low_pad_size,
          const Shape& high_pad_size, const array& pad_value, const std::string& mode,
          StreamOrDevice s) {
  require(axes.size() == low_pad_size.size() && axes.size() == high_pad_size.size(),
          "[pad] Number of axes, low and high sizes: got ", axes.size(), ", ", low_pad_size.size(),
          " and ", high_pad_size.size(), ", expected the same.");
  require(mode == "constant" || mode == "edge" || mode == "reflect" || mode == "symmetric",
          "[pad] Mode: got ", mode, ", expected constant, edge, reflect or symmetric.");
  normalize_axes(axes, rank_of(a), "pad");
  Shape shape = a.shape();
  Shape start(a.ndim(), 0);
  array padded = a;
  for (size_t i = 0; i < axes.size(); ++i) {
    const int axis = normalize_axis_index(axes[i], rank_of(a), "[pad] ");
    const ShapeElem low = low_pad_size[i];
    const ShapeElem high = high_pad_size[i];
    require(low >= 0 && high >= 0, "[pad] Sizes of axis ", axis, ": got ", low, " and ", high,
            ", expected at least 0.");
    start[axis] = low;
    shape[axis] += low + high;
    if (mode != "constant" && low + high > 0) {
      padded = pad_by_index(padded, axis, low, high, mode, s);
    }
  }
  if (mode != "constant" || shape == a.shape()) {
    return padded;
  }
  require(pad_value.size() == 1, "[pad] Pad value: got shape ", pad_value.shape(),
          ", expected one element.");
  Shape stop = start;
  for (size_t i = 0; i < a.ndim(); ++i) {
    stop[i] += a.shape()[i];
  }
  const array value = reshape(astype(pad_value, a.dtype(), s), {}, s);
  return slice_update(broadcast_to(value, shape, s), a, start, stop, s);
}

array pad(const array& a, const std::vector<std::pair<int, int>>& pad_width, const array& pad_value,
          const std::string& mode, StreamOrDevice s) {
  require(pad_width.size() == a.ndim(), "[pad] Number of widths: got ", pad_width.size(),
          ", expected ", a.ndim(), ".");
  std::vector<int> axes;
  Shape low;
  Shape high;
  for (const auto& [before, after] : pad_width) {
    axes.push_back(static_cast<int>(axes.size()));
    low.push_back(before);
    high.push_back(after);
  }
  return pad(a, axes, low, high, pad_value, mode, std::move(s));
}

array pad(const array& a, const std::pair<int, int>& pad_width, const array& pad_value,
          const std::string& mode, StreamOrDevice s) {
  return pad(a, std::vector<std::pair<int, int>>(a.ndim(), pad_width), pad_value, mode,
             std::move(s));
}

array pad(const array& a, int pad_width, const array& pad_value, const std::string& mode,
          StreamOrDevice s) {
  return pad(a, std::pair<int, int>{pad_width, pad_width}, pad_value, mode, std::move(s));
}

// ---- roll

array roll(const array& a, const Shape& shift, const std::vector<int>& axes, StreamOrDevice s) {
  require(shift.size() == axes.size() || shift.size() == 1, "[roll] Number of shifts: got ",
          shift.size(), ", expected one or ", axes.size(), ".");
  array out = a;
  for (size_t i = 0; i < axes.size(); ++i) {
    const int axis = normalize_axis_index(axes[i], rank_of(a), "[roll] ");
    const ShapeElem size = a.shape()[axis];
    if (size == 0) {
      return a;
    }
    const ShapeElem by = shift[shift.size() == 1 ? 0 : i] % size;
    const ShapeElem cut = by > 0 ? size - by : -by;
    if (cut > 0) {
      out = concatenate({part(out, axis, cut, size, s), part(out, axis, 0, cut, s)}, axis, s);
    }
  }
  return out;
}

array roll(const array& a, int shift, StreamOrDevice s) {
  return roll(a, Shape{shift}, std::move(s));
}

array roll(const array& a, const Shape& shift, StreamOrDevice s) {
  ShapeElem total = 0;
  for (ShapeElem by : shift) {
    total += by;
  }
  const array flat = roll(flatten(a, s), Shape{total}, std::vector<int>{0}, s);
  return reshape(flat, a.shape(), s);
}

array roll(const array& a, int shift, int axis, StreamOrDevice s) {
  return roll(a, Shape{shift}, std::vector<int>{axis}, std::move(s));
}

array roll(const array& a, int shift, const std::vector<int>& axes, StreamOrDevice s) {
  return roll(a, Shape{shift}, axes, std::move(s));
}

array roll(const array& a, const Shape& shift, int axis, StreamOrDevice s) {
  ShapeElem total = 0;
  for (ShapeElem by : shift) {
    total += by;
  }
  return roll(a, Shape{total}, std::vector<int>{axis}, std::move(s));
}

// ---- axes and differences

namespace {

array at_least(const array& a, int ndim, StreamOrDevice s) {
  Shape shape = a.shape();
  if (shape.empty()) {
    shape.push_back(1);
  }
  if (ndim >= 2 && shape.size() == 1) {
    shape.insert(shape.begin(), 1);
  }
  if (ndim >= 3 && shape.size() == 2) {
    shape.push_back(1);
  }
  return reshape(a, std::move(shape), std::move(s));
}

std::vector<array> all_at_least(const std::vector<array>& arrays, int ndim, StreamOrDevice s) {
  std::vector<array> out;
  for (const array& a : arrays) {
    out.push_back(at_least(a, ndim, s));
  }
  return out;
}

}  // namespace

array atleast_1d(const array& a, StreamOrDevice s) { return at_least(a, 1, std::move(s)); }
array atleast_2d(const array& a, StreamOrDevice s) { return at_least(a, 2, std::move(s)); }
array atleast_3d(const array& a, StreamOrDevice s) { return at_least(a, 3, std::move(s)); }
std::vector<array> atleast_1d(const std::vector<array>& a, StreamOrDevice s) {
  return all_at_least(a, 1, std::move(s));
}
std::vector<array> atleast_2d(const std::vector<array>& a, StreamOrDevice s) {
  return all_at_least(a, 2, std::move(s));
}
std::vector<array> atleast_3d(const std::vector<array>& a, StreamOrDevice s) {
  return all_at_least(a, 3, std::move(s));
}

array diff(const array& a, int n, int axis, StreamOrDevice s) {
  require(n >= 0, "[diff] Order: got ", n, ", expected at least 0.");
  axis = normalize_axis_index(axis, rank_of(a), "[diff] ");
  array out = a;
  for (; n > 0 && out.shape()[axis] > 0; --n) {
    const ShapeElem size = out.shape()[axis];
    const array upper = part(out, axis, 1, size, s);
    const array lower = part(out, axis, 0, size - 1, s);
    out = a.dtype() == bool_ ? not_equal(upper, lower, s) : subtract(upper, lower, s);
  }
  return out;
}

}  // namespace mlx::core
