// Kernels that write at indices.

#include <algorithm>

#include "mlx/core/cpu/combine.h"
#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/index_positions.h"
#include "mlx/core/cpu/indexing.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/slice.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/indexing_ops.h"

namespace mlx::core::cpu {
namespace {

constexpr int64_t kGrain = 1 << 14;

bool needs_float32(Dtype dtype, ScatterMode mode) {
  return mode != ScatterMode::assign && (dtype == float16 || dtype == bfloat16);
}

array as_float32(const array& x) {
  array out = make_array(x.shape(), float32);
  allocate(out);
  copy_to(x, out.data<void>(), float32);
  return out;
}

// Gives `out` the elements of `src`, calls write(target, updates) with
// row-contiguous arrays of one dtype, and leaves the result in `out`.
template <typename Write>
void update(array& out, array& src, const array& updates, ScatterMode mode, Write write) {
  if (!needs_float32(out.dtype(), mode)) {
    begin_from(out, src);
    write(out, row_contiguous(updates));
    return;
  }
  array wide = as_float32(src);
  write(wide, as_float32(updates));
  allocate(out);
  copy_to(wide, out.data<void>(), out.dtype());
}

struct Target {
  std::byte* data;
  int64_t itemsize;
  Combine combine;
};

// Threads share out the elements of a slice, not the slices: two of those may
// name the same place, and its updates shall apply in order.
void write_slices(const Target& target, const std::byte* updates, const Positions& offsets,
                  const SliceRuns& runs, bool may_overlap) {
  const auto count = static_cast<int64_t>(runs.starts.size());
  const auto slices = static_cast<int64_t>(offsets.size());
  const bool by_run = count > 1;
  const auto write = [&](int64_t begin, int64_t end) {
    const auto first = static_cast<size_t>(by_run ? begin : 0);
    const auto last = static_cast<size_t>(by_run ? end : count);
    const int64_t skip = by_run ? 0 : begin;
    const int64_t length = by_run ? runs.length : end - begin;
    const std::byte* slice = updates;
    for (int64_t k = 0; k < slices; ++k) {
      for (size_t r = first; r < last; ++r) {
        const int64_t from = static_cast<int64_t>(r) * runs.length + skip;
        target.combine(target.data + (offsets[k] + runs.starts[r] + skip) * target.itemsize,
                       slice + from * target.itemsize, length);
      }
      slice += count * runs.length * target.itemsize;
    }
  };
  const int64_t whole = by_run ? count : runs.length;
  const int64_t work = slices * (by_run ? runs.length : 1);  // for each unit of the whole
  if (count > 0 && slices > 0) {
    parallel_for(whole, may_overlap ? whole : std::max<int64_t>(16, kGrain / work), write);
  }
}

}  // namespace

void scatter(const KernelArgs& args) {
  const auto& [axes, mode] = args.attrs.get<ScatterAttrs>();
  const array& updates = args.inputs.back();
  const auto indices = args.inputs.subspan(1, args.inputs.size() - 2);
  const size_t rank = args.inputs[0].ndim();
  const Shape slice(updates.shape().end() - rank, updates.shape().end());
  const bool may_overlap =
      std::any_of(axes.begin(), axes.end(), [&](int axis) { return slice[axis] > 1; });
  const Shape shape = args.inputs[0].shape();
  const Strides strides = row_major(shape);
  const Positions offsets = slice_offsets(indices, axes, slice, shape, strides, "scatter");
  const SliceRuns runs = slice_runs({slice.data(), slice.size()}, {strides.data(), strides.size()});
  update(args.outputs[0], args.inputs[0], updates, mode, [&](array& to, const array& from) {
    const Target target{to.data<std::byte>(), static_cast<int64_t>(to.itemsize()),
                        find_combine(mode, to.dtype())};
    write_slices(target, from.data<std::byte>(), offsets, runs, may_overlap);
  });
}

void scatter_along(const KernelArgs& args) {
  const auto& [axis, mode] = args.attrs.get<ScatterAlongAttrs>();
  const Shape shape = args.inputs[1].shape();
  const std::string_view op = mode == ScatterMode::add ? "scatter_add_axis" : "put_along_axis";
  const Positions positions =
      index_positions(args.inputs[1], {axis, args.inputs[0].shape()[axis], 1}, op);
  Strides strides = row_major(args.inputs[0].shape());
  const int64_t step = strides[axis];
  strides[axis] = 0;
  // Places of different blocks (all axes from `axis` on) differ.
  int64_t block = 1;
  for (size_t d = static_cast<size_t>(axis); d < shape.size(); ++d) {
    block *= shape[d];
  }
  update(args.outputs[0], args.inputs[0], args.inputs[2], mode, [&](array& to, const array& from) {
    const auto itemsize = static_cast<int64_t>(to.itemsize());
    const Combine combine = find_combine(mode, to.dtype());
    auto* dst = to.data<std::byte>();
    const auto* src = from.data<std::byte>();
    const auto write = [&](int64_t p, int64_t offset, int64_t count) {
      for (int64_t i = p; i < p + count; ++i, offset += strides.back()) {
        combine(dst + (offset + positions[i] * step) * itemsize, src + i * itemsize, 1);
      }
    };
    if (positions.size() > 0) {
      parallel_for(static_cast<int64_t>(positions.size()) / block, 1 + kGrain / block,
                   [&](int64_t begin, int64_t end) {
                     for_each_row(shape, strides, begin * block, end * block, write);
                   });
    }
  });
}

}  // namespace mlx::core::cpu
