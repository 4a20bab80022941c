// Shapes and views: where elements are.

#include <algorithm>
#include <numeric>

#include "mlx/core/io/export_table.h"
#include "mlx/core/io/load.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/creation_ops.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/elementwise_ops.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/ops/shape_ops.h"
#include "mlx/core/ops/sizes.h"

namespace mlx::core::io {
namespace {

// ---- writing

std::vector<Id> write_transpose(Lowering& to, const WriteArgs& args) {
  return {to.add("Transpose", {args.attrs.get<TransposeAttrs>().axes}, args.in, args.out[0])};
}

// The axes that a reshape drops go first, those that it adds come last.
Id write_merged(Lowering& to, Id x, const std::vector<AxisRange>& ranges) {
  std::vector<int> dropped;
  int next = 0;
  std::vector<int> sizes;  // of the ranges that are not empty
  std::vector<int> added;
  for (size_t i = 0; i < ranges.size(); ++i) {
    const auto [begin, end] = ranges[i];
    if (begin == end) {
      added.push_back(static_cast<int>(i));
      continue;
    }
    for (; next < begin; ++next) dropped.push_back(next);
    next = end;
    sizes.push_back(end - begin);
  }
  for (; next < static_cast<int>(to.shape(x).size()); ++next) dropped.push_back(next);
  x = to.squeeze(x, dropped);
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 1) continue;
    const int first = static_cast<int>(i);
    const int last = first + sizes[i] - 1;
    Shape shape = to.shape(x);
    for (int axis = last; axis > first; --axis) {
      shape[axis - 1] *= shape[axis];
      shape.erase(shape.begin() + axis);
    }
    x = to.add("Flatten", {first, last}, {x}, {std::move(shape), to.dtype(x)});
  }
  if (added.empty()) {
    return x;
  }
  Shape shape = to.shape(x);
  for (const int axis : added) shape.insert(shape.begin() + axis, ShapeElem{1});
  return to.add("ExpandDims", {added}, {x}, {std::move(shape), to.dtype(x)});
}

std::vector<Id> write_reshape(Lowering& to, const WriteArgs& args) {
  const auto& [shape, merged] = args.attrs.get<ShapeAttrs>();
  return {merged ? write_merged(to, args.in[0], *merged)
                 : to.add("Reshape", {shape_state(shape)}, args.in, args.out[0])};
}

std::vector<Id> write_broadcast(Lowering& to, const WriteArgs& args) {
  return {to.broadcast(args.in[0], args.out[0].shape)};
}

// Where MLX has the end of a slice; beyond the first element it counts from behind the end.
Shape slice_stop(const Shape& in, const SliceAttrs& slice) {
  Shape stop;
  for (size_t i = 0; i < in.size(); ++i) {
    const ShapeElem end = slice.start[i] + slice.shape[i] * slice.strides[i];
    stop.push_back(end >= 0 ? std::min(end, in[i]) : -in[i] - 1);
  }
  return stop;
}

std::vector<Id> write_slice(Lowering& to, const WriteArgs& args) {
  const auto& slice = args.attrs.get<SliceAttrs>();
  return {to.add("Slice",
                 {shape_state(slice.start), shape_state(slice_stop(to.shape(args.in[0]), slice)),
                  shape_state(slice.strides)},
                 args.in, args.out[0])};
}

constexpr int kReplace = 4;

std::vector<Id> write_slice_update(Lowering& to, const WriteArgs& args) {
  const auto& slice = args.attrs.get<SliceAttrs>();
  return {to.add("SliceUpdate",
                 {kReplace, shape_state(slice.start),
                  shape_state(slice_stop(to.shape(args.in[0]), slice)), shape_state(slice.strides)},
                 args.in, args.out[0])};
}

std::vector<Id> write_dynamic_slice(Lowering& to, const WriteArgs& args) {
  const auto& [axes, shape] = args.attrs.get<DynamicSliceAttrs>();
  return {to.add("DynamicSlice", {axes, shape_state(shape)}, args.in, args.out[0])};
}

std::vector<Id> write_dynamic_slice_update(Lowering& to, const WriteArgs& args) {
  return {to.add("DynamicSliceUpdate", {args.attrs.get<DynamicSliceAttrs>().axes}, args.in,
                 args.out[0])};
}

// MLX's takes the elements as they lie in memory, and Flatten makes them lie in order.
std::vector<Id> write_as_strided(Lowering& to, const WriteArgs& args) {
  const auto& [shape, strides, offset] = args.attrs.get<AsStridedAttrs>();
  const Type& in = to.type(args.in[0]);
  Shape row{1};
  row.insert(row.end(), in.shape.begin(), in.shape.end());
  Id x = to.add("ExpandDims", {std::vector<int>{0}}, args.in, {row, in.dtype});
  const auto count =
      std::accumulate(row.begin(), row.end(), ShapeElem{1}, std::multiplies<ShapeElem>());
  if (row.size() > 1) {
    x = to.add("Flatten", {0, static_cast<int>(row.size()) - 1}, {x}, {{count}, in.dtype});
  }
  return {to.add("AsStrided",
                 {shape_state(shape), strides_state(strides), static_cast<size_t>(offset)}, {x},
                 args.out[0])};
}

std::vector<Id> write_view(Lowering& to, const WriteArgs& args) {
  return {to.add("View", {args.attrs.get<ViewAttrs>().dtype}, args.in, args.out[0])};
}

// Copies and layouts are not in the values.
std::vector<Id> write_nothing(Lowering&, const WriteArgs& args) { return {args.in[0]}; }

// What the function loads is a constant of it.
std::vector<Id> write_load(Lowering& to, const WriteArgs& args) {
  return {to.constant(make_node(kLoad, {}, args.attrs, to_stream({})))};
}

std::vector<Id> write_concatenate(Lowering& to, const WriteArgs& args) {
  return {to.add("Concatenate", {args.attrs.get<ConcatenateAttrs>().axis}, args.in, args.out[0])};
}

std::vector<Id> write_depends(Lowering& to, const WriteArgs& args) {
  return to.add_all("Depends", {}, args.in, args.out);
}

// The end is such that the number of elements comes out, however it is rounded.
std::vector<Id> write_arange(Lowering& to, const WriteArgs& args) {
  const auto& [start, step, count, dtype] = args.attrs.get<ArangeAttrs>();
  const double steps =
      static_cast<double>(count) - (issubdtype(dtype, integer) || count == 0 ? 0 : 0.5);
  return {to.add("Arange", {start, start + step * steps, step}, {}, args.out[0])};
}

std::vector<Id> write_count(Lowering& to, const WriteArgs& args) {
  const auto& [axes, inverted, dtype] = args.attrs.get<CountAttrs>();
  return {to.add("NumberOfElements", {axes, inverted, dtype}, args.in, args.out[0])};
}

// ---- reading

Arrays same(const ReadArgs& args) { return {args.in[0]}; }

// -1 alone is a size that follows the input.
Arrays read_reshape(const ReadArgs& args) {
  const Shape& shape = args.shape(0);
  return {shape == Shape{-1} ? flatten(args.in[0]) : reshape(args.in[0], shape)};
}

// The further inputs say what the shape follows; a result of them is enough to follow it.
Arrays read_broadcast(const ReadArgs& args) {
  if (args.in.size() == 1) {
    return {broadcast_to(args.in[0], args.shape(0))};
  }
  array x = args.in[0];
  for (const array& other : args.in.subspan(1)) {
    x = where(array(true), x, astype(other, x.dtype()));
  }
  return {x};
}

Arrays read_slice(const ReadArgs& args) {
  return {slice(args.in[0], args.shape(0), args.shape(1), args.shape(2))};
}

Arrays read_slice_update(const ReadArgs& args) {
  using Update = array (*)(const array&, const array&, Shape, Shape, Shape, StreamOrDevice);
  static constexpr Update kUpdates[] = {slice_update_max, slice_update_min, slice_update_add,
                                        slice_update_prod, slice_update};
  const int mode = args.integer(0);
  require(mode >= 0 && mode <= kReplace, "[import_function] Mode of SliceUpdate: got ", mode, ".");
  return {kUpdates[mode](args.in[0], args.in[1], args.shape(1), args.shape(2), args.shape(3), {})};
}

// The function checks that the view stays inside, in numbers that must not overflow.
Arrays read_as_strided(const ReadArgs& args) {
  const array& x = args.in[0];
  const Shape& shape = args.shape(0);
  const Strides& strides = std::get<7>(args.state[1]);
  const size_t offset = args.get<size_t>(2);
  const auto size = static_cast<int64_t>(x.size());
  bool inside = offset <= x.size() && shape.size() == strides.size();
  for (size_t i = 0; inside && i < shape.size(); ++i) {
    inside = shape[i] <= 1 || (strides[i] >= -size && strides[i] <= size &&
                               std::abs(strides[i]) <= size / (shape[i] - 1));
  }
  require(inside, "[import_function] AsStrided reaches outside of its input: got shape ", shape,
          ", strides ", strides, " and offset ", offset, " for ", size, " elements.");
  return {as_strided(x, shape, strides, offset)};
}

Arrays read_split(const ReadArgs& args) {
  return split(args.in[0], args.shape(0), args.integer(1));
}

Arrays read_pad(const ReadArgs& args) {
  return {pad(args.in[0], args.integers(0), args.shape(1), args.shape(2), args.in[1])};
}

Arrays read_depends(const ReadArgs& args) {
  require(args.out.size() <= args.in.size(), "[import_function] Results of Depends: got ",
          args.out.size(), " of ", args.in.size(), " inputs.");
  const auto results = args.in.begin() + static_cast<ptrdiff_t>(args.out.size());
  return depends({args.in.begin(), results}, {results, args.in.end()});
}

Arrays read_arange(const ReadArgs& args) {
  return {arange(args.get<double>(0), args.get<double>(1), args.get<double>(2), args.out[0].dtype)};
}

}  // namespace

std::span<const WriteRow> shape_writers() {
  static constexpr WriteRow kRows[] = {
      {&kTranspose, write_transpose},
      {&kReshape, write_reshape},
      {&kBroadcast, write_broadcast},
      {&kSlice, write_slice},
      {&kSliceUpdate, write_slice_update},
      {&kDynamicSlice, write_dynamic_slice},
      {&kDynamicSliceUpdate, write_dynamic_slice_update},
      {&kAsStrided, write_as_strided},
      {&kView, write_view},
      {&kCopy, write_nothing},
      {&kContiguous, write_nothing},
      {&kStopGradient, write_nothing},
      {&kLoad, write_load},
      {&kConcatenate, write_concatenate},
      {&kDepends, write_depends},
      {&kArange, write_arange},
      {&kNumberOfElements, write_count},
  };
  return kRows;
}

std::span<const ReadRow> shape_readers() {
  static constexpr ReadRow kRows[] = {
      {"Transpose", "I", 1, 1,
       [](const ReadArgs& a) -> Arrays { return {transpose(a.in[0], a.integers(0))}; }},
      {"Reshape", "s", 1, 1, read_reshape},
      {"Flatten", "ii", 1, 1,
       [](const ReadArgs& a) -> Arrays { return {flatten(a.in[0], a.integer(0), a.integer(1))}; }},
      {"Unflatten", "is", 1, 1,
       [](const ReadArgs& a) -> Arrays { return {unflatten(a.in[0], a.integer(0), a.shape(1))}; }},
      {"Squeeze", "I", 1, 1,
       [](const ReadArgs& a) -> Arrays { return {squeeze(a.in[0], a.integers(0))}; }},
      {"ExpandDims", "I", 1, 1,
       [](const ReadArgs& a) -> Arrays { return {expand_dims(a.in[0], a.integers(0))}; }},
      {"Broadcast", "s", 1, kAnyNumber, read_broadcast},
      {"Slice", "sss", 1, 1, read_slice},
      {"SliceUpdate", "isss", 2, 2, read_slice_update},
      {"DynamicSlice", "Is", 2, 2,
       [](const ReadArgs& a) -> Arrays {
         return {slice(a.in[0], a.in[1], a.integers(0), a.shape(1))};
       }},
      {"DynamicSliceUpdate", "I", 3, 3,
       [](const ReadArgs& a) -> Arrays {
         return {slice_update(a.in[0], a.in[1], a.in[2], a.integers(0))};
       }},
      {"AsStrided", "sru", 1, 1, read_as_strided},
      {"View", "t", 1, 1,
       [](const ReadArgs& a) -> Arrays { return {view(a.in[0], a.get<Dtype>(0))}; }},
      {"Copy", "", 1, 1, same},
      {"StopGradient", "", 1, 1, same},
      {"Full", "", 1, 1, same},
      {"Concatenate", "i", 1, kAnyNumber,
       [](const ReadArgs& a) -> Arrays {
         return {concatenate({a.in.begin(), a.in.end()}, a.integer(0))};
       }},
      {"Split", "si", 1, 1, read_split},
      {"Pad", "Iss", 2, 2, read_pad},
      {"Depends", "", 1, kAnyNumber, read_depends},
      {"Arange", "ddd", 0, 0, read_arange},
      {"NumberOfElements", "Ibt", 1, 1,
       [](const ReadArgs& a) -> Arrays {
         return {number_of_elements(a.in[0], a.integers(0), a.flag(1), a.get<Dtype>(2))};
       }},
  };
  return kRows;
}

}  // namespace mlx::core::io
