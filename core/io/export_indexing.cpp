// Gathers, scatters, random bits.

#include <algorithm>
#include <numeric>

#include "mlx/core/io/export_table.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/indexing_ops.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/random.h"
#include "mlx/core/random_ops.h"
#include "mlx/core/transforms.h"

namespace mlx::core::io {
namespace {

// MLX's numbers: max, min, sum, prod, none.
constexpr int kScatterNumbers[] = {4, 2, 3, 0, 1};  // by ScatterMode

// ---- writing

// A gather has the axes of the indices first, then all axes of the array.
std::vector<Id> write_take(Lowering& to, const WriteArgs& args) {
  const int axis = args.attrs.get<TakeAttrs>().axis;
  const Shape& indices = to.shape(args.in[1]);
  const auto rank = static_cast<int>(indices.size());
  Shape slice = to.shape(args.in[0]);
  slice[axis] = 1;
  Shape shape = indices;
  shape.insert(shape.end(), slice.begin(), slice.end());
  const Dtype dtype = args.out[0].dtype;
  Id x = to.add("Gather", {std::vector<int>{axis}, shape_state(slice)}, args.in, {shape, dtype});
  if (axis > 0 && rank > 0) {
    std::vector<int> order(shape.size());
    std::iota(order.begin(), order.end(), 0);
    std::rotate(order.begin(), order.begin() + rank, order.begin() + rank + axis);
    Shape moved;
    for (const int from : order) moved.push_back(shape[from]);
    x = to.add("Transpose", {order}, {x}, {std::move(moved), dtype});
  }
  return {to.squeeze(x, {axis + rank})};
}

std::vector<Id> write_gather(Lowering& to, const WriteArgs& args) {
  const auto& [axes, sizes] = args.attrs.get<GatherAttrs>();
  return {to.add("Gather", {axes, shape_state(sizes)}, args.in, args.out[0])};
}

std::vector<Id> write_scatter(Lowering& to, const WriteArgs& args) {
  const auto& [axes, mode] = args.attrs.get<ScatterAttrs>();
  return {to.add("Scatter", {kScatterNumbers[static_cast<int>(mode)], axes}, args.in, args.out[0])};
}

std::vector<Id> write_take_along(Lowering& to, const WriteArgs& args) {
  return {to.add("GatherAxis", {args.attrs.get<TakeAlongAttrs>().axis}, args.in, args.out[0])};
}

std::vector<Id> write_scatter_along(Lowering& to, const WriteArgs& args) {
  const auto& [axis, mode] = args.attrs.get<ScatterAlongAttrs>();
  require(mode == ScatterMode::assign || mode == ScatterMode::add, "[export_function] ",
          args.op.name, " cannot be stored in a file in this mode.");
  return {to.add("ScatterAxis", {mode == ScatterMode::assign ? 1 : 0, axis}, args.in, args.out[0])};
}

std::vector<Id> write_bits(Lowering& to, const WriteArgs& args) {
  return {to.add("RandomBits",
                 {shape_state(args.out[0].shape), args.attrs.get<RandomBitsAttrs>().width}, args.in,
                 args.out[0])};
}

// ---- reading

// At one axis it is a take, with the axes in another order.
Arrays read_gather(const ReadArgs& args) {
  const std::vector<int>& axes = args.integers(0);
  const array& a = args.in[0];
  Shape slice = a.shape();
  if (axes.size() == 1 && args.in.size() == 2 && axes[0] >= 0 &&
      axes[0] < static_cast<int>(slice.size())) {
    const int axis = axes[0];
    const auto rank = static_cast<int>(args.in[1].ndim());
    slice[axis] = 1;
    if (args.shape(1) == slice) {
      const array taken = expand_dims(take(a, args.in[1], axis), axis + rank);
      std::vector<int> order(taken.ndim());
      std::iota(order.begin(), order.end(), 0);
      std::rotate(order.begin(), order.begin() + axis, order.begin() + axis + rank);
      return {transpose(taken, std::move(order))};
    }
  }
  return {gather(a, {args.in.begin() + 1, args.in.end()}, axes, args.shape(1))};
}

Arrays read_scatter(const ReadArgs& args) {
  using Scatter = array (*)(const array&, const std::vector<array>&, const array&,
                            const std::vector<int>&, StreamOrDevice);
  static constexpr Scatter kScatters[] = {scatter_max, scatter_min, scatter_add, scatter_prod,
                                          scatter};
  const int mode = args.integer(0);
  require(mode >= 0 && mode < 5, "[import_function] Mode of Scatter: got ", mode, ".");
  return {kScatters[mode](args.in[0], {args.in.begin() + 1, args.in.end() - 1}, args.in.back(),
                          args.integers(1), {})};
}

Arrays read_scatter_axis(const ReadArgs& args) {
  const int mode = args.integer(0);
  require(mode == 0 || mode == 1, "[import_function] Mode of ScatterAxis: got ", mode, ".");
  return {(mode == 0 ? scatter_add_axis : put_along_axis)(args.in[0], args.in[1], args.in[2],
                                                          args.integer(1), {})};
}

// The first axis is a batch.
Arrays read_masked_scatter(const ReadArgs& args) {
  for (const array& x : args.in) {
    require(x.ndim() > 0 && x.shape(0) == args.in[0].shape(0),
            "[import_function] Batch of MaskedScatter: got shape ", x.shape(), ".");
  }
  const auto one = [](const Arrays& in) -> Arrays { return {masked_scatter(in[0], in[1], in[2])}; };
  return vmap(one)({args.in.begin(), args.in.end()});
}

// The shape begins with the leading axes of the keys.
Arrays read_bits(const ReadArgs& args) {
  const array& key = args.in[0];
  const Shape& shape = args.shape(0);
  const int width = args.integer(1);
  require(width == 4 || width == 2 || width == 1, "[import_function] Width of RandomBits: got ",
          width, ", expected 4, 2 or 1 bytes.");
  require(key.dtype() == uint32 && key.ndim() > 0 && key.shape(-1) == 2 &&
              key.ndim() <= shape.size() + 1 &&
              std::equal(key.shape().begin(), key.shape().end() - 1, shape.begin()),
          "[import_function] Keys of RandomBits: got ", key.dtype(), " of shape ", key.shape(),
          " for a result of shape ", shape, ".");
  const auto own = shape.begin() + static_cast<ptrdiff_t>(key.ndim() - 1);
  return {make_node(kRandomBits, {key}, Attrs(RandomBitsAttrs{{own, shape.end()}, width}),
                    to_stream({}))};
}

}  // namespace

std::span<const WriteRow> indexing_writers() {
  static constexpr WriteRow kRows[] = {
      {&kTake, write_take},
      {&kGather, write_gather},
      {&kScatter, write_scatter},
      {&kTakeAlong, write_take_along},
      {&kScatterAlong, write_scatter_along},
      {&kRandomBits, write_bits},
  };
  return kRows;
}

std::span<const ReadRow> indexing_readers() {
  static constexpr ReadRow kRows[] = {
      {"Gather", "Is", 1, kAnyNumber, read_gather},
      {"GatherAxis", "i", 2, 2,
       [](const ReadArgs& a) -> Arrays {
         return {take_along_axis(a.in[0], a.in[1], a.integer(0))};
       }},
      {"Scatter", "iI", 2, kAnyNumber, read_scatter},
      {"ScatterAxis", "ii", 3, 3, read_scatter_axis},
      {"MaskedScatter", "", 3, 3, read_masked_scatter},
      {"RandomBits", "si", 1, 1, read_bits},
  };
  return kRows;
}

}  // namespace mlx::core::io
