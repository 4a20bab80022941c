// Kernels that read at indices: pieces of memory, copied one by one.

#include <cstring>
#include <numeric>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/index_positions.h"
#include "mlx/core/cpu/indexing.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/ops/indexing_ops.h"

namespace mlx::core::cpu {
namespace {

constexpr int64_t kGrainBytes = 1 << 16;

// Piece (o, k, r) begins at outer[o] + offsets[k] + runs.starts[r]; the output
// is all pieces in that order. Elements.
struct Pieces {
  std::vector<int64_t> outer;
  Positions offsets;
  SliceRuns runs;
};

// kBytes is the size of a piece, or 0 if it is not one of the common sizes.
template <size_t kBytes>
void copy_pieces(std::byte* dst, const std::byte* src, const Pieces& pieces, int64_t itemsize) {
  const size_t bytes = kBytes > 0 ? kBytes : static_cast<size_t>(pieces.runs.length * itemsize);
  const auto runs = static_cast<int64_t>(pieces.runs.starts.size());
  const auto slices = static_cast<int64_t>(pieces.offsets.size());
  const int64_t count = static_cast<int64_t>(pieces.outer.size()) * slices * runs;
  const int64_t grain = 1 + kGrainBytes / static_cast<int64_t>(bytes + sizeof(int64_t));
  parallel_for(count, grain, [&](int64_t begin, int64_t end) {
    auto r = static_cast<size_t>(begin % runs);
    int64_t k = begin / runs % slices;
    auto o = static_cast<size_t>(begin / runs / slices);
    std::byte* to = dst + begin * static_cast<int64_t>(bytes);
    for (int64_t i = begin; i < end; ++i, to += bytes) {
      const int64_t at = pieces.outer[o] + pieces.offsets[k] + pieces.runs.starts[r];
      std::memcpy(to, src + at * itemsize, kBytes > 0 ? kBytes : bytes);
      if (++r == pieces.runs.starts.size()) {
        r = 0;
        if (++k == slices) {
          k = 0;
          ++o;
        }
      }
    }
  });
}

void collect(array& out, const array& from, const Pieces& pieces) {
  allocate(out);
  if (out.size() == 0) {
    return;
  }
  auto* dst = out.data<std::byte>();
  const auto* src = from.data<std::byte>();
  const auto itemsize = static_cast<int64_t>(from.itemsize());
  switch (pieces.runs.length * itemsize) {
    case 1:
      return copy_pieces<1>(dst, src, pieces, itemsize);
    case 2:
      return copy_pieces<2>(dst, src, pieces, itemsize);
    case 4:
      return copy_pieces<4>(dst, src, pieces, itemsize);
    case 8:
      return copy_pieces<8>(dst, src, pieces, itemsize);
    default:
      return copy_pieces<0>(dst, src, pieces, itemsize);
  }
}

template <typename T>
void take_rows(array& out, const array& from, const Positions& positions, int axis) {
  Strides strides = from.strides();
  const int64_t step = strides[axis];
  strides[axis] = 0;
  const int64_t along_row = strides.back();
  const T* src = from.data<T>();
  T* dst = out.data<T>();
  parallel_for(static_cast<int64_t>(out.size()), kGrainBytes / 8, [&](int64_t begin, int64_t end) {
    for_each_row(out.shape(), strides, begin, end, [&](int64_t p, int64_t offset, int64_t count) {
      const int64_t* at = positions.data() + p;
      const T* row = src + offset;
      T* to = dst + p;
      for (int64_t i = 0; i < count; ++i) {
        to[i] = row[i * along_row + at[i] * step];
      }
    });
  });
}

// The elements of a slice one after the other, of the axes in [begin, end).
SliceRuns runs_of(const array& a, size_t begin, size_t end) {
  return slice_runs({a.shape().data() + begin, end - begin},
                    {a.strides().data() + begin, end - begin});
}

std::vector<int64_t> every_start(const array& a, size_t axes) {
  const SliceRuns runs = runs_of(a, 0, axes);
  std::vector<int64_t> starts;
  for (int64_t start : runs.starts) {
    for (int64_t i = 0; i < runs.length; ++i) {
      starts.push_back(start + i);
    }
  }
  return starts;
}

}  // namespace

void take(const KernelArgs& args) {
  const array& a = args.inputs[0];
  const int axis = args.attrs.get<TakeAttrs>().axis;
  const auto at = static_cast<size_t>(axis);
  Pieces pieces{every_start(a, at),
                index_positions(args.inputs[1], {axis, a.shape()[at], 1}, "take"),
                runs_of(a, at + 1, a.ndim())};
  for (int64_t k = 0; k < static_cast<int64_t>(pieces.offsets.size()); ++k) {
    pieces.offsets[k] *= a.strides()[at];
  }
  collect(args.outputs[0], a, pieces);
}

void gather(const KernelArgs& args) {
  const auto& [axes, slice_sizes] = args.attrs.get<GatherAttrs>();
  const array& a = args.inputs[0];
  const Positions offsets =
      slice_offsets(args.inputs.subspan(1), axes, slice_sizes, a.shape(), a.strides(), "gather");
  const SliceRuns runs = slice_runs({slice_sizes.data(), slice_sizes.size()},
                                    {a.strides().data(), a.strides().size()});
  collect(args.outputs[0], a, {{0}, offsets, runs});
}

void take_along(const KernelArgs& args) {
  const array& a = args.inputs[0];
  array& out = args.outputs[0];
  const int axis = args.attrs.get<TakeAlongAttrs>().axis;
  const Positions positions =
      index_positions(args.inputs[1], {axis, a.shape()[axis], 1}, "take_along_axis");
  allocate(out);
  switch (a.itemsize()) {
    case 1:
      return take_rows<uint8_t>(out, a, positions, axis);
    case 2:
      return take_rows<uint16_t>(out, a, positions, axis);
    case 4:
      return take_rows<uint32_t>(out, a, positions, axis);
    default:
      return take_rows<uint64_t>(out, a, positions, axis);
  }
}

}  // namespace mlx::core::cpu
