#include "mlx/core/cpu/index_positions.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "mlx/core/base/error.h"
#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/instruction_set.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/graph/node.h"

namespace mlx::core::cpu {
namespace {

constexpr int64_t kIndexGrain = 1 << 15;

[[noreturn]] void throw_out_of_range(int64_t value, const IndexedAxis& axis, std::string_view op) {
  throw std::out_of_range(concat("[", op, "] Index of axis ", axis.axis, ": got ", value,
                                 ", expected ", -axis.size, " to ", axis.size - axis.span, "."));
}

ConvertIndices find_convert(Dtype dtype) {
  const IndexLoops& loops = MLX_CHOOSE_LOOPS(kIndexLoops);
  const int width = std::countr_zero(static_cast<unsigned>(dtype.size()));
  return issubdtype(dtype, signedinteger) ? loops.from_signed[width] : loops.from_unsigned[width];
}

}  // namespace

Positions::Positions(size_t count) : storage_(make_array({static_cast<ShapeElem>(count)}, int64)) {
  allocate(storage_);
  data_ = storage_.data<int64_t>();
}

IndexReader::IndexReader(const array& index, IndexedAxis axis, std::string_view op)
    : index_(row_contiguous(index)), axis_(axis), op_(op), convert_(find_convert(index.dtype())) {}

void IndexReader::read(int64_t start, int64_t count, int64_t* out) const {
  const auto* from = index_.data<std::byte>() + start * static_cast<int64_t>(index_.itemsize());
  const int64_t last = axis_.size - axis_.span;
  if (!convert_(from, count, axis_.size, last, out)) {
    const int64_t* bad =
        std::find_if(out, out + count, [&](int64_t p) { return p < 0 || p > last; });
    const bool wrapped = *bad < 0 && issubdtype(index_.dtype(), signedinteger);
    throw_out_of_range(wrapped ? *bad - axis_.size : *bad, axis_, op_);
  }
}

Positions index_positions(const array& index, IndexedAxis axis, std::string_view op) {
  Positions positions(index.size());
  const IndexReader reader(index, axis, op);
  parallel_for(reader.size(), kIndexGrain, [&](int64_t begin, int64_t end) {
    reader.read(begin, end - begin, positions.data() + begin);
  });
  return positions;
}

SliceOffsets::SliceOffsets(std::span<const array> indices, const std::vector<int>& axes,
                           const Shape& slice, const Shape& shape, const Strides& strides,
                           std::string_view op) {
  for (size_t i = 0; i < indices.size(); ++i) {
    const int axis = axes[i];
    readers_.emplace_back(indices[i], IndexedAxis{axis, shape[axis], slice[axis]}, op);
    strides_.push_back(strides[axis]);
  }
}

void SliceOffsets::read(int64_t start, int64_t count, int64_t* out) const {
  if (readers_.empty()) {
    std::fill_n(out, count, 0);
    return;
  }
  readers_[0].read(start, count, out);
  for (int64_t k = 0; strides_[0] != 1 && k < count; ++k) {
    out[k] *= strides_[0];
  }
  int64_t positions[kMaxCount];
  for (size_t i = 1; i < readers_.size(); ++i) {
    readers_[i].read(start, count, positions);
    for (int64_t k = 0; k < count; ++k) {
      out[k] += positions[k] * strides_[i];
    }
  }
}

SliceRuns slice_runs(std::span<const ShapeElem> slice, std::span<const int64_t> strides) {
  SliceRuns runs;
  size_t outer = slice.size();
  while (outer > 0 && (slice[outer - 1] == 1 || strides[outer - 1] == runs.length)) {
    runs.length *= slice[--outer];
  }
  runs.starts.assign(runs.length == 0 ? 0 : 1, 0);
  for (size_t d = 0; d < outer; ++d) {
    std::vector<int64_t> next;
    next.reserve(runs.starts.size() * static_cast<size_t>(slice[d]));
    for (int64_t start : runs.starts) {
      for (int64_t i = 0; i < slice[d]; ++i) {
        next.push_back(start + i * strides[d]);
      }
    }
    runs.starts = std::move(next);
  }
  return runs;
}

}  // namespace mlx::core::cpu
