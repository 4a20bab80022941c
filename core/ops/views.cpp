// Views: results that share the memory of their input. A view is a choice of
// strides, which are known only when the input has been evaluated.

#include <algorithm>
#include <numeric>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/graph/trace.h"
#include "mlx/core/ops/axes.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise_ops.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/ops/shape_ops.h"
#include "mlx/core/utils.h"

namespace mlx::core {
namespace {

// ---- transpose

Type infer_transpose(Inputs in, const Attrs& attrs) {
  Shape shape;
  for (int axis : attrs.get<TransposeAttrs>().axes) {
    shape.push_back(in[0].shape()[static_cast<size_t>(axis)]);
  }
  return {std::move(shape), in[0].dtype()};
}

void run_transpose(const KernelArgs& args) {
  const array& in = args.inputs[0];
  Strides strides;
  for (int axis : args.attrs.get<TransposeAttrs>().axes) {
    strides.push_back(in.strides()[static_cast<size_t>(axis)]);
  }
  share_strided(args.outputs[0], in, strides);
}

Arrays vjp_transpose(const VjpArgs& args) {
  const auto& axes = args.attrs.get<TransposeAttrs>().axes;
  std::vector<int> inverse(axes.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    inverse[static_cast<size_t>(axes[i])] = static_cast<int>(i);
  }
  return {transpose(args.cotangents[0], std::move(inverse), args.stream)};
}

Mapped vmap_transpose(const VmapArgs& args) {
  std::vector<int> axes = behind_mapped(args.attrs.get<TransposeAttrs>().axes);
  axes.insert(axes.begin(), 0);
  return mapped_in_front({transpose(in_front(args, 0), std::move(axes), args.stream)});
}

// ---- reshape

Shape merged_shape(const Shape& in, const std::vector<AxisRange>& ranges) {
  Shape shape;
  for (const AxisRange& range : ranges) {
    ShapeElem size = 1;
    for (int axis = range.begin; axis < range.end; ++axis) {
      size *= in[static_cast<size_t>(axis)];
    }
    shape.push_back(size);
  }
  return shape;
}

Type infer_reshape(Inputs in, const Attrs& attrs) {
  const auto& [shape, merged] = attrs.get<ShapeAttrs>();
  if (!merged) {
    return {shape, in[0].dtype()};
  }
  Shape following = merged_shape(in[0].shape(), *merged);
  require(element_count(following) == in[0].size(), "[reshape] An axis of shape ", in[0].shape(),
          " that is dropped does not have size 1.");
  return {std::move(following), in[0].dtype()};
}

bool reshape_holds_sizes(const Attrs& attrs) { return !attrs.get<ShapeAttrs>().merged; }

Arrays vjp_reshape(const VjpArgs& args) {
  return {reshape(args.cotangents[0], args.inputs[0].shape(), args.stream)};
}

Mapped vmap_reshape(const VmapArgs& args) {
  ShapeAttrs attrs = args.attrs.get<ShapeAttrs>();
  attrs.shape = behind_mapped(mapped_size(args), attrs.shape);
  if (attrs.merged) {
    for (AxisRange& range : *attrs.merged) {
      ++range.begin;
      ++range.end;
    }
    attrs.merged->insert(attrs.merged->begin(), AxisRange{0, 1});
  }
  return map_in_front(kReshape, args, Attrs(std::move(attrs)));
}

// ---- broadcast

Type infer_broadcast(Inputs in, const Attrs& attrs) {
  return {attrs.get<ShapeAttrs>().shape, in[0].dtype()};
}

void run_broadcast(const KernelArgs& args) {
  const array& in = args.inputs[0];
  array& out = args.outputs[0];
  Strides strides(out.ndim(), 0);
  const size_t shift = out.ndim() - in.ndim();
  for (size_t i = 0; i < in.ndim(); ++i) {
    strides[i + shift] = in.shape()[i] == 1 ? 0 : in.strides()[i];
  }
  share_strided(out, in, strides);
}

Arrays vjp_broadcast(const VjpArgs& args) {
  return {sum_to(args.cotangents[0], args.inputs[0].shape(), args.stream)};
}

Mapped vmap_broadcast(const VmapArgs& args) {
  const Shape& shape = args.attrs.get<ShapeAttrs>().shape;
  return mapped_in_front({broadcast_to(in_front_of(args, 0, shape.size()),
                                       behind_mapped(mapped_size(args), shape), args.stream)});
}

// ---- as_strided: of the input as one row-major vector

Type infer_as_strided(Inputs in, const Attrs& attrs) {
  return {attrs.get<AsStridedAttrs>().shape, in[0].dtype()};
}

// The element that the view reads is an index; the gradient adds up over them.
Arrays vjp_as_strided(const VjpArgs& args) {
  const auto& attrs = args.attrs.get<AsStridedAttrs>();
  const array& in = args.inputs[0];
  const array index =
      as_strided(arange(static_cast<double>(in.size()), int64, args.stream), attrs.shape,
                 attrs.strides, static_cast<size_t>(attrs.offset), args.stream);
  const array flat = zeros({static_cast<ShapeElem>(in.size())}, in.dtype(), args.stream);
  const array updates = reshape(args.cotangents[0], {-1, 1}, args.stream);
  const array sum = scatter_add(flat, reshape(index, {-1}, args.stream), updates, 0, args.stream);
  return {reshape(sum, in.shape(), args.stream)};
}

// Each mapped element is a part of the vector.
Mapped vmap_as_strided(const VmapArgs& args) {
  AsStridedAttrs attrs = args.attrs.get<AsStridedAttrs>();
  const ShapeElem count = mapped_size(args);
  attrs.shape = behind_mapped(count, attrs.shape);
  attrs.strides = behind_mapped(static_cast<int64_t>(args.inputs[0].size()) / count, attrs.strides);
  return map_in_front(kAsStrided, args, Attrs(std::move(attrs)));
}

// ---- copy, contiguous, view

Type infer_same(Inputs in, const Attrs&) { return {in[0].shape(), in[0].dtype()}; }

Arrays vjp_identity(const VjpArgs& args) { return {args.cotangents[0]}; }

void run_copy(const KernelArgs& args) { args.outputs[0].copy_shared_buffer(args.inputs[0]); }

Mapped vmap_copy(const VmapArgs& args) {
  return {{copy(args.inputs[0], args.stream)}, {args.axes[0]}};
}

Mapped vmap_contiguous(const VmapArgs& args) { return map_in_front(kContiguous, args, args.attrs); }

Type infer_view(Inputs in, const Attrs& attrs) {
  const Dtype dtype = attrs.get<ViewAttrs>().dtype;
  Shape shape = in[0].shape();
  if (in[0].itemsize() != dtype.size()) {
    const auto bytes = shape.back() * static_cast<ShapeElem>(in[0].itemsize());
    require(bytes % dtype.size() == 0, "[view] Last axis: got ", bytes,
            " bytes, expected a multiple of ", dtype.size(), " for dtype ", dtype, ".");
    shape.back() = bytes / dtype.size();
  }
  return {std::move(shape), dtype};
}

// Complex numbers as their parts and back; all other views are no functions of numbers.
Arrays vjp_view(const VjpArgs& args) {
  const Dtype from = args.inputs[0].dtype(), to = args.attrs.get<ViewAttrs>().dtype;
  const bool parts = (from == complex64 && to == float32) || (from == float32 && to == complex64);
  require(parts, "[view] No derivative: got ", from, " viewed as ", to,
          ", expected complex64 as float32 or float32 as complex64.");
  return {view(args.cotangents[0], from, args.stream)};
}

Mapped vmap_view(const VmapArgs& args) { return map_in_front(kView, args, args.attrs); }

// ---- depends: the first inputs, once the last have been computed

std::vector<Type> infer_depends(Inputs in, const Attrs& attrs) {
  std::vector<Type> types;
  for (int i = 0; i < attrs.get<DependsAttrs>().results; ++i) {
    types.push_back({in[static_cast<size_t>(i)].shape(), in[static_cast<size_t>(i)].dtype()});
  }
  return types;
}

void run_depends(const KernelArgs& args) {
  for (size_t i = 0; i < args.outputs.size(); ++i) {
    args.outputs[i].copy_shared_buffer(args.inputs[i]);
  }
}

Mapped vmap_depends(const VmapArgs& args) {
  Arrays outputs =
      make_nodes(kDepends, {args.inputs.begin(), args.inputs.end()}, args.attrs, args.stream);
  const auto results = static_cast<ptrdiff_t>(outputs.size());
  return {std::move(outputs), {args.axes.begin(), args.axes.begin() + results}};
}

Arrays vjp_depends(const VjpArgs& args) {
  Arrays out;
  for (int i : args.argnums) {
    const auto at = static_cast<size_t>(i);
    out.push_back(at < args.cotangents.size() ? args.cotangents[at]
                                              : zeros_like(args.inputs[at], args.stream));
  }
  return out;
}

}  // namespace

constinit const Op kTranspose{.name = "Transpose",
                              .infer = infer_transpose,
                              .vjp = vjp_transpose,
                              .vmap = vmap_transpose,
                              .run = run_transpose};
constinit const Op kReshape{.name = "Reshape",
                            .infer = infer_reshape,
                            .vjp = vjp_reshape,
                            .vmap = vmap_reshape,
                            .holds_sizes = reshape_holds_sizes};
constinit const Op kBroadcast{.name = "Broadcast",
                              .infer = infer_broadcast,
                              .vjp = vjp_broadcast,
                              .vmap = vmap_broadcast,
                              .run = run_broadcast,
                              .holds_sizes = kAlways};
constinit const Op kAsStrided{.name = "AsStrided",
                              .infer = infer_as_strided,
                              .vjp = vjp_as_strided,
                              .vmap = vmap_as_strided,
                              .holds_sizes = kAlways};
constinit const Op kCopy{
    .name = "Copy", .infer = infer_same, .vjp = vjp_identity, .vmap = vmap_copy, .run = run_copy};
constinit const Op kContiguous{
    .name = "Contiguous", .infer = infer_same, .vjp = vjp_identity, .vmap = vmap_contiguous};
constinit const Op kView{.name = "View", .infer = infer_view, .vjp = vjp_view, .vmap = vmap_view};
constinit const Op kDepends{.name = "Depends",
                            .infer_all = infer_depends,
                            .vjp = vjp_depends,
                            .vmap = vmap_depends,
                            .run = run_depends};

std::vector<int> normalize_axes(const std::vector<int>& axes, int ndim, const char* op) {
  const std::string prefix = concat("[", std::string_view(op), "] ");
  std::vector<int> out;
  for (int axis : axes) {
    out.push_back(normalize_axis_index(axis, ndim, prefix));
  }
  std::sort(out.begin(), out.end());
  require(std::adjacent_find(out.begin(), out.end()) == out.end(), prefix,
          "An axis is given twice.");
  return out;
}

namespace {

// Keeps, merges, drops and adds axes, in a way that shapeless compilation can repeat.
array merge_axes(const array& a, std::vector<AxisRange> ranges, StreamOrDevice s) {
  Shape shape = merged_shape(a.shape(), ranges);
  if (!ShapelessScope::active() || shape == a.shape()) {
    return reshape(a, std::move(shape), std::move(s));
  }
  return make_node(kReshape, {a}, Attrs(ShapeAttrs{std::move(shape), std::move(ranges)}),
                   to_stream(std::move(s)));
}

std::vector<AxisRange> every_axis(const array& a) {
  std::vector<AxisRange> ranges;
  for (int i = 0; i < rank_of(a); ++i) {
    ranges.push_back({i, i + 1});
  }
  return ranges;
}

}  // namespace

// ---- public functions

array transpose(const array& a, std::vector<int> axes, StreamOrDevice s) {
  require(axes.size() == a.ndim(), "[transpose] Number of axes: got ", axes.size(), ", expected ",
          a.ndim(), ".");
  std::vector<bool> seen(axes.size(), false);
  bool identity = true;
  for (size_t i = 0; i < axes.size(); ++i) {
    axes[i] = normalize_axis_index(axes[i], rank_of(a), "[transpose] ");
    require(!seen[static_cast<size_t>(axes[i])], "[transpose] Axis ", axes[i], " is given twice.");
    seen[static_cast<size_t>(axes[i])] = true;
    identity &= axes[i] == static_cast<int>(i);
  }
  return identity ? a
                  : make_node(kTranspose, {a}, Attrs(TransposeAttrs{std::move(axes)}),
                              to_stream(std::move(s)));
}

array transpose(const array& a, std::initializer_list<int> axes, StreamOrDevice s) {
  return transpose(a, std::vector<int>(axes), std::move(s));
}

array transpose(const array& a, StreamOrDevice s) {
  std::vector<int> axes(a.ndim());
  std::iota(axes.rbegin(), axes.rend(), 0);
  return transpose(a, std::move(axes), std::move(s));
}

array swapaxes(const array& a, int axis1, int axis2, StreamOrDevice s) {
  std::vector<int> axes(a.ndim());
  std::iota(axes.begin(), axes.end(), 0);
  std::swap(axes[static_cast<size_t>(checked_axis(axis1, a, "swapaxes"))],
            axes[static_cast<size_t>(checked_axis(axis2, a, "swapaxes"))]);
  return transpose(a, std::move(axes), std::move(s));
}

array moveaxis(const array& a, int source, int destination, StreamOrDevice s) {
  source = checked_axis(source, a, "moveaxis");
  destination = checked_axis(destination, a, "moveaxis");
  std::vector<int> axes(a.ndim());
  std::iota(axes.begin(), axes.end(), 0);
  axes.erase(axes.begin() + source);
  axes.insert(axes.begin() + destination, source);
  return transpose(a, std::move(axes), std::move(s));
}

array reshape(const array& a, Shape shape, StreamOrDevice s) {
  const auto size = static_cast<ShapeElem>(a.size());
  ShapeElem known = 1;
  ShapeElem* unknown = nullptr;
  for (ShapeElem& n : shape) {
    if (n == -1) {
      require(unknown == nullptr, "[reshape] Only one size can be inferred, got shape ", shape,
              ".");
      unknown = &n;
    } else {
      require(n >= 0, "[reshape] Negative size in shape ", shape, ".");
      require(!__builtin_mul_overflow(known, n, &known), "[reshape] Too large: got shape ", shape,
              ".");
    }
  }
  if (unknown != nullptr && known > 0 && size % known == 0) {
    *unknown = size / known;
    known = size;
  }
  require(known == size && (unknown == nullptr || *unknown >= 0),
          "[reshape] Cannot reshape array of shape ", a.shape(), " to ", shape, ".");
  return shape == a.shape() ? a
                            : make_node(kReshape, {a}, Attrs(ShapeAttrs{std::move(shape)}),
                                        to_stream(std::move(s)));
}

array unflatten(const array& a, int axis, Shape shape, StreamOrDevice s) {
  require(!shape.empty(), "[unflatten] The new shape is empty.");
  const auto at = static_cast<size_t>(normalize_axis_index(axis, rank_of(a), "[unflatten] "));
  ShapeElem known = 1;
  ShapeElem* unknown = nullptr;
  for (ShapeElem& n : shape) {
    if (n == -1) {
      require(unknown == nullptr, "[unflatten] Only one size can be inferred.");
      unknown = &n;
    } else {
      require(!__builtin_mul_overflow(known, n, &known), "[unflatten] Too large: got sizes ", shape,
              ".");
    }
  }
  if (unknown != nullptr) {
    require(known > 0 && a.shape()[at] % known == 0, "[unflatten] Cannot infer a size: axis of ",
            a.shape()[at], " elements, known sizes multiply to ", known, ".");
    *unknown = a.shape()[at] / known;
    known *= *unknown;
  }
  require(known == a.shape()[at], "[unflatten] Axis ", at, " of ", a.shape()[at],
          " elements does not unflatten to ", shape, ".");
  Shape out = a.shape();
  out.erase(out.begin() + at);
  out.insert(out.begin() + at, shape.begin(), shape.end());
  return reshape(a, std::move(out), std::move(s));
}

array flatten(const array& a, int start_axis, int end_axis, StreamOrDevice s) {
  if (a.ndim() == 0) {
    return expand_dims(a, 0, std::move(s));
  }
  const int last = rank_of(a) - 1;
  const int start = std::max(0, start_axis < 0 ? start_axis + rank_of(a) : start_axis);
  const int end = std::min(last, end_axis < 0 ? end_axis + rank_of(a) : end_axis);
  require(start <= last && end >= 0 && start <= end, "[flatten] Axes: got ", start_axis, " to ",
          end_axis, " for an array of ", rank_of(a), " dimensions.");
  std::vector<AxisRange> ranges = every_axis(a);
  ranges[static_cast<size_t>(start)].end = end + 1;
  ranges.erase(ranges.begin() + start + 1, ranges.begin() + end + 1);
  return merge_axes(a, std::move(ranges), std::move(s));
}

array flatten(const array& a, StreamOrDevice s) { return flatten(a, 0, -1, std::move(s)); }

array squeeze(const array& a, const std::vector<int>& axes, StreamOrDevice s) {
  const auto sorted = normalize_axes(axes, rank_of(a), "squeeze");
  std::vector<AxisRange> ranges;
  for (int i = 0; i < rank_of(a); ++i) {
    if (!std::binary_search(sorted.begin(), sorted.end(), i)) {
      ranges.push_back({i, i + 1});
    } else {
      require(a.shape()[i] == 1, "[squeeze] Axis ", i, ": got size ", a.shape()[i],
              ", expected 1.");
    }
  }
  return merge_axes(a, std::move(ranges), std::move(s));
}

array squeeze(const array& a, int axis, StreamOrDevice s) {
  return squeeze(a, std::vector<int>{axis}, std::move(s));
}

array squeeze(const array& a, StreamOrDevice s) {
  std::vector<int> axes;
  for (int i = 0; i < rank_of(a); ++i) {
    if (a.shape()[i] == 1) {
      axes.push_back(i);
    }
  }
  return squeeze(a, axes, std::move(s));
}

array expand_dims(const array& a, const std::vector<int>& axes, StreamOrDevice s) {
  const int ndim = rank_of(a) + static_cast<int>(axes.size());
  std::vector<AxisRange> ranges = every_axis(a);
  for (int axis : normalize_axes(axes, ndim, "expand_dims")) {
    ranges.insert(ranges.begin() + axis, AxisRange{0, 0});
  }
  return merge_axes(a, std::move(ranges), std::move(s));
}

array expand_dims(const array& a, int axis, StreamOrDevice s) {
  return expand_dims(a, std::vector<int>{axis}, std::move(s));
}

array broadcast_to(const array& a, const Shape& shape, StreamOrDevice s) {
  if (a.shape() == shape) {
    return a;
  }
  require(shape.size() >= a.ndim() && broadcast_shapes(a.shape(), shape) == shape,
          "[broadcast_to] Cannot broadcast array of shape ", a.shape(), " to ", shape, ".");
  element_count(shape);
  return make_node(kBroadcast, {a}, Attrs(ShapeAttrs{shape}), to_stream(std::move(s)));
}

std::vector<array> broadcast_arrays(const std::vector<array>& inputs, StreamOrDevice s) {
  Shape shape;
  for (const array& in : inputs) {
    shape = broadcast_shapes(shape, in.shape());
  }
  std::vector<array> outputs;
  for (const array& in : inputs) {
    outputs.push_back(broadcast_to(in, shape, s));
  }
  return outputs;
}

array as_strided(array a, Shape shape, Strides strides, size_t offset, StreamOrDevice s) {
  require(shape.size() == strides.size(), "[as_strided] Number of strides: got ", strides.size(),
          ", expected ", shape.size(), ".");
  require(std::all_of(shape.begin(), shape.end(), [](ShapeElem n) { return n >= 0; }),
          "[as_strided] Negative size in shape ", shape, ".");
  int64_t lowest = static_cast<int64_t>(offset);
  int64_t highest = lowest;
  const size_t count = element_count(shape);
  for (size_t i = 0; i < shape.size() && count > 0; ++i) {
    (strides[i] < 0 ? lowest : highest) += strides[i] * (shape[i] - 1);
  }
  require(count == 0 || (lowest >= 0 && highest < static_cast<int64_t>(a.size())),
          "[as_strided] The view reaches elements ", lowest, " to ", highest,
          " of an array that has ", a.size(), ".");
  return make_node(
      kAsStrided, {std::move(a)},
      Attrs(AsStridedAttrs{std::move(shape), std::move(strides), static_cast<int64_t>(offset)}),
      to_stream(std::move(s)));
}

array copy(array a, StreamOrDevice s) {
  return make_node(kCopy, {std::move(a)}, Attrs(), to_stream(std::move(s)));
}

array contiguous(const array& a, bool allow_col_major, StreamOrDevice s) {
  return make_node(kContiguous, {a}, Attrs(ContiguousAttrs{allow_col_major}),
                   to_stream(std::move(s)));
}

array view(const array& a, const Dtype& dtype, StreamOrDevice s) {
  if (a.dtype() == dtype) {
    return a;
  }
  require(a.ndim() > 0 || a.itemsize() == dtype.size(), "[view] A 0-d array of dtype ", a.dtype(),
          " cannot be viewed as ", dtype, ": the sizes differ.");
  return make_node(kView, {a}, Attrs(ViewAttrs{dtype}), to_stream(std::move(s)));
}

std::vector<array> depends(const std::vector<array>& inputs,
                           const std::vector<array>& dependencies) {
  if (inputs.empty()) {
    return {};
  }
  std::vector<array> all = inputs;
  all.insert(all.end(), dependencies.begin(), dependencies.end());
  const Node* first = inputs[0].node();
  const Stream stream = first->op == nullptr ? default_stream(default_device()) : first->stream;
  return make_nodes(kDepends, std::move(all), Attrs(DependsAttrs{static_cast<int>(inputs.size())}),
                    stream);
}

}  // namespace mlx::core
