// Kernels that write at indices.

#include <algorithm>

#include "mlx/core/cpu/along_axis.h"
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

constexpr int64_t kScatterGrain = 1 << 14;

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

// Calls body(first, count, offsets) for the slices, a few at a time.
template <typename Body>
void for_each_offset(const SliceOffsets& offsets, Body body) {
  int64_t values[SliceOffsets::kMaxCount];
  for (int64_t first = 0; first < offsets.size(); first += SliceOffsets::kMaxCount) {
    const int64_t count = std::min(SliceOffsets::kMaxCount, offsets.size() - first);
    offsets.read(first, count, values);
    body(first, count, values);
  }
}

// Slices of one element. Two of them may name the same place, and its updates
// shall apply in order.
void write_elements(array& to, const array& from, const SliceOffsets& offsets, ScatterMode mode) {
  const CombineAt combine = find_combine_at(mode, to.dtype());
  const auto* src = from.data<std::byte>();
  for_each_offset(offsets, [&](int64_t first, int64_t count, const int64_t* at) {
    combine(to.data<void>(), at, 1, 0, src + first * static_cast<int64_t>(to.itemsize()), count);
  });
}

// Threads share out the elements of a slice, not the slices.
void write_slices(array& to, const array& from, const SliceOffsets& offsets, const SliceRuns& runs,
                  ScatterMode mode, bool may_overlap) {
  const Combine combine = find_combine(mode, to.dtype());
  const auto itemsize = static_cast<int64_t>(to.itemsize());
  auto* target = to.data<std::byte>();
  const auto* updates = from.data<std::byte>();
  const auto count = static_cast<int64_t>(runs.starts.size());
  const bool by_run = count > 1;
  const auto write = [&](int64_t begin, int64_t end) {
    const auto first_run = static_cast<size_t>(by_run ? begin : 0);
    const auto last_run = static_cast<size_t>(by_run ? end : count);
    const int64_t skip = by_run ? 0 : begin;
    const int64_t length = by_run ? runs.length : end - begin;
    for_each_offset(offsets, [&](int64_t first, int64_t slices, const int64_t* at) {
      const std::byte* slice = updates + first * count * runs.length * itemsize;
      for (int64_t k = 0; k < slices; ++k, slice += count * runs.length * itemsize) {
        for (size_t r = first_run; r < last_run; ++r) {
          const int64_t place = static_cast<int64_t>(r) * runs.length + skip;
          combine(target + (at[k] + runs.starts[r] + skip) * itemsize, slice + place * itemsize,
                  static_cast<size_t>(length));
        }
      }
    });
  };
  const int64_t whole = by_run ? count : runs.length;
  const int64_t work = offsets.size() * (by_run ? runs.length : 1);  // for each unit of the whole
  if (count > 0 && work > 0) {
    parallel_for(whole, may_overlap ? whole : std::max<int64_t>(16, kScatterGrain / work), write);
  }
}

// The body of an AlongAxis's walk.
struct Putter {
  void enter(int64_t offset, int64_t width) { to.enter(offset, width); }
  void leave() { to.store(); }
  void piece(int64_t start, int64_t count, int64_t ahead) {
    combine(to.data(), index.at(start, count, ahead), to.step(), to.along(),
            updates + start * itemsize, count);
  }

  BlockMemory to;
  PositionTile index;
  CombineAt combine;
  const std::byte* updates;
  int64_t itemsize;
};

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
  const SliceOffsets offsets(indices, axes, slice, shape, strides, "scatter");
  const SliceRuns runs = slice_runs({slice.data(), slice.size()}, {strides.data(), strides.size()});
  update(args.outputs[0], args.inputs[0], updates, mode, [&](array& to, const array& from) {
    if (runs.length == 1 && runs.starts.size() == 1) {
      write_elements(to, from, offsets, mode);
    } else {
      write_slices(to, from, offsets, runs, mode, may_overlap);
    }
  });
}

void scatter_along(const KernelArgs& args) {
  const auto& [axis, mode] = args.attrs.get<ScatterAlongAttrs>();
  const Shape shape = args.inputs[0].shape();
  const std::string_view op = mode == ScatterMode::add ? "scatter_add_axis" : "put_along_axis";
  const IndexReader index(args.inputs[1], {axis, shape[axis], 1}, op);
  const AlongAxis walk(shape, row_major(shape), axis, args.inputs[1].shape()[axis]);
  const auto put = [&](const array& from, array& to, const array& updates) {
    const auto itemsize = static_cast<int64_t>(to.itemsize());
    walk.for_each_piece(true, [&] {
      return Putter{BlockMemory(walk, from.data<std::byte>(), to.data<std::byte>(), itemsize),
                    PositionTile(index), find_combine_at(mode, to.dtype()),
                    updates.data<std::byte>(), itemsize};
    });
  };
  array& out = args.outputs[0];
  array& src = args.inputs[0];
  const bool copies = index.size() == 0 || needs_float32(out.dtype(), mode) || src.is_donatable();
  if (copies) {
    update(out, src, args.inputs[2], mode,
           [&](array& to, const array& updates) { put(to, to, updates); });
  } else {  // the walk copies what it comes by, which is everything
    allocate(out);
    put(row_contiguous(src), out, row_contiguous(args.inputs[2]));
  }
}

}  // namespace mlx::core::cpu
