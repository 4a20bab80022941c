#include "mlx/core/cpu/index_positions.h"

#include <stdexcept>

#include "mlx/core/base/error.h"
#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/graph/node.h"

namespace mlx::core::cpu {
namespace {

constexpr int64_t kGrain = 1 << 15;

[[noreturn]] void throw_out_of_range(int64_t value, const IndexedAxis& axis, std::string_view op) {
  throw std::out_of_range(concat("[", op, "] Index of axis ", axis.axis, ": got ", value,
                                 ", expected ", -axis.size, " to ", axis.size - axis.span, "."));
}

}  // namespace

Positions::Positions(size_t count) : storage_(make_array({static_cast<ShapeElem>(count)}, int64)) {
  allocate(storage_);
  data_ = storage_.data<int64_t>();
}

Positions index_positions(const array& index, IndexedAxis axis, std::string_view op) {
  Positions positions(index.size());
  copy_to(index, positions.data(), int64);
  // Only signed values count from the end: a large uint64 has become negative here.
  const int64_t wrap = issubdtype(index.dtype(), signedinteger) ? axis.size : 0;
  const int64_t last = axis.size - axis.span;
  int64_t* values = positions.data();
  parallel_for(static_cast<int64_t>(positions.size()), kGrain, [&](int64_t begin, int64_t end) {
    bool bad = false;  // looked into afterwards, so that the loop can use SIMD
    for (int64_t i = begin; i < end; ++i) {
      const int64_t position = values[i] + (values[i] < 0 ? wrap : 0);
      values[i] = position;
      bad |= position < 0 || position > last;
    }
    for (int64_t i = begin; bad && i < end; ++i) {
      if (values[i] < 0 || values[i] > last) {
        throw_out_of_range(values[i] < 0 ? values[i] - wrap : values[i], axis, op);
      }
    }
  });
  return positions;
}

Positions slice_offsets(std::span<const array> indices, const std::vector<int>& axes,
                        const Shape& slice, const Shape& shape, const Strides& strides,
                        std::string_view op) {
  Positions offsets(indices.empty() ? 1 : indices[0].size());
  const auto count = static_cast<int64_t>(offsets.size());
  std::fill_n(offsets.data(), count, 0);
  for (size_t i = 0; i < indices.size(); ++i) {
    const int axis = axes[i];
    const Positions positions = index_positions(indices[i], {axis, shape[axis], slice[axis]}, op);
    for (int64_t k = 0; k < count; ++k) {
      offsets[k] += positions[k] * strides[axis];
    }
  }
  return offsets;
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
