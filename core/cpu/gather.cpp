// Kernels that read at indices: pieces of memory, copied one by one.

#include <cstring>
#include <numeric>

#include "mlx/core/cpu/along_axis.h"
#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/index_positions.h"
#include "mlx/core/cpu/indexing.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/ops/indexing_ops.h"

namespace mlx::core::cpu {
namespace {

constexpr int64_t kGrainBytes = 1 << 16;

// Piece (o, k, r) begins at outer[o] + offset k + runs.starts[r]; the output
// is all pieces in that order. Elements.
struct Pieces {
  std::vector<int64_t> outer;
  SliceOffsets offsets;
  SliceRuns runs;
};

// Pieces (o, k, all r) for `count` of the k, which have these offsets.
// kBytes is the size of a piece, or 0 if it is not one of the common sizes.
template <size_t kBytes>
std::byte* copy_slices(std::byte* to, const std::byte* from, const int64_t* offsets, int64_t count,
                       const SliceRuns& runs, int64_t itemsize) {
  const auto bytes = static_cast<size_t>(runs.length * itemsize);
  if (kBytes > 0 && runs.starts.size() == 1) {  // they start at 0
    for (int64_t k = 0; k < count; ++k, to += kBytes) {
      std::memcpy(to, from + offsets[k] * itemsize, kBytes);
    }
    return to;
  }
  for (int64_t k = 0; k < count; ++k) {
    for (int64_t start : runs.starts) {
      const std::byte* piece = from + (offsets[k] + start) * itemsize;
      std::memcpy(to, piece, kBytes > 0 ? kBytes : bytes);
      to += kBytes > 0 ? kBytes : bytes;
    }
  }
  return to;
}

template <size_t kBytes>
void copy_pieces(std::byte* dst, const std::byte* src, const Pieces& pieces, int64_t itemsize) {
  const int64_t slices = pieces.offsets.size();
  const auto runs = static_cast<int64_t>(pieces.runs.starts.size());
  const int64_t bytes = runs * pieces.runs.length * itemsize;  // of a slice
  const int64_t grain = 1 + kGrainBytes / (bytes + 8 * runs);
  const auto count = static_cast<int64_t>(pieces.outer.size()) * slices;
  parallel_for(count, grain, [&](int64_t begin, int64_t end) {
    std::byte* to = dst + begin * bytes;
    int64_t offsets[SliceOffsets::kMaxCount];
    int64_t first = 0, last = 0;  // the slices whose offsets these are
    while (begin < end) {
      const int64_t k = begin % slices;
      if (k != first || last == 0) {
        first = k;
        last = std::min(slices, k + SliceOffsets::kMaxCount);
        pieces.offsets.read(first, last - first, offsets);
      }
      const int64_t some = std::min(end - begin, last - k);
      const std::byte* from = src + pieces.outer[static_cast<size_t>(begin / slices)] * itemsize;
      to = copy_slices<kBytes>(to, from, offsets, some, pieces.runs, itemsize);
      begin += some;
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

// The body of an AlongAxis's walk.
template <typename T>
struct Taker {
  void enter(int64_t offset, int64_t width) { from.enter(offset, width); }
  void leave() {}
  void piece(int64_t start, int64_t count, int64_t ahead) {
    const int64_t* at = index.at(start, count, ahead);
    const auto* elements = reinterpret_cast<const T*>(from.data());
    const int64_t step = from.step(), along = from.along();
    T* to = out + start;
    for (int64_t k = 0; k < count; ++k) {
      to[k] = elements[at[k] * step + k * along];
    }
  }

  BlockMemory from;
  PositionTile index;
  T* out;
};

template <typename T>
void take_elements(array& out, array& from, const AlongAxis& walk, const IndexReader& index) {
  walk.for_each_piece(false, [&] {
    return Taker<T>{BlockMemory(walk, from.data<std::byte>(), sizeof(T)), PositionTile(index),
                    out.data<T>()};
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
  Shape slice = a.shape();
  slice[axis] = 1;
  const SliceOffsets offsets({&args.inputs[1], 1}, {axis}, slice, a.shape(), a.strides(), "take");
  collect(args.outputs[0], a, {every_start(a, at), offsets, runs_of(a, at + 1, a.ndim())});
}

void gather(const KernelArgs& args) {
  const auto& [axes, slice_sizes] = args.attrs.get<GatherAttrs>();
  const array& a = args.inputs[0];
  const SliceOffsets offsets(args.inputs.subspan(1), axes, slice_sizes, a.shape(), a.strides(),
                             "gather");
  const SliceRuns runs = slice_runs({slice_sizes.data(), slice_sizes.size()},
                                    {a.strides().data(), a.strides().size()});
  collect(args.outputs[0], a, {{0}, offsets, runs});
}

void take_along(const KernelArgs& args) {
  array& out = args.outputs[0];
  allocate(out);
  if (out.size() == 0) {
    return;
  }
  const int axis = args.attrs.get<TakeAlongAttrs>().axis;
  array a = args.inputs[0];
  if (!AlongAxis::fits(a.shape(), a.strides(), axis)) {
    a = row_contiguous(a);
  }
  const AlongAxis walk(a.shape(), a.strides(), axis, out.shape()[axis]);
  const IndexReader index(args.inputs[1], {axis, a.shape()[axis], 1}, "take_along_axis");
  switch (a.itemsize()) {
    case 1:
      return take_elements<uint8_t>(out, a, walk, index);
    case 2:
      return take_elements<uint16_t>(out, a, walk, index);
    case 4:
      return take_elements<uint32_t>(out, a, walk, index);
    default:
      return take_elements<uint64_t>(out, a, walk, index);
  }
}

}  // namespace mlx::core::cpu
