#include "mlx/core/cpu/softmax.h"

#include <algorithm>
#include <vector>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/instruction_set.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/softmax_loops.h"
#include "mlx/core/cpu/tile_loops.h"
#include "mlx/core/graph/node.h"

namespace mlx::core::cpu {
namespace {

template <typename T>
void softmax_rows(const array& in, array& out, void (*row)(T*, const T*, int64_t)) {
  const int64_t n = in.shape(-1);
  const int64_t rows = static_cast<int64_t>(in.size()) / n;
  const T* from = in.data<T>();
  T* to = out.data<T>();
  parallel_for(rows, std::max<int64_t>(1, (1 << 13) / n), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      row(to + i * n, from + i * n, n);
    }
  });
}

// Half types, one row at a time in float32.
void softmax_narrow_rows(const array& in, array& out, const SoftmaxLoops& loops) {
  const auto type = static_cast<size_t>(narrow_type(in.dtype()));
  const TileLoop widen = tile_loops().widen[type];
  const TileLoop narrow = tile_loops().narrow[type];
  const int64_t n = in.shape(-1);
  const int64_t rows = static_cast<int64_t>(in.size()) / n;
  const int64_t row_bytes = n * static_cast<int64_t>(in.itemsize());
  parallel_for(rows, std::max<int64_t>(1, (1 << 13) / n), [&](int64_t begin, int64_t end) {
    std::vector<float> wide(static_cast<size_t>(n));
    for (int64_t i = begin; i < end; ++i) {
      widen(wide.data(), in.data<std::byte>() + i * row_bytes, nullptr, nullptr, n);
      loops.row_f32(wide.data(), wide.data(), n);
      narrow(out.data<std::byte>() + i * row_bytes, wide.data(), nullptr, nullptr, n);
    }
  });
}

}  // namespace

void softmax(const KernelArgs& args) {
  static const SoftmaxLoops& loops = MLX_CHOOSE_LOOPS(kSoftmaxLoops);
  array& out = args.outputs[0];
  const array in = row_contiguous(args.inputs[0], out.dtype());
  allocate(out);
  if (out.dtype() == float64) {
    softmax_rows<double>(in, out, loops.row_f64);
  } else if (out.dtype() == float32) {
    softmax_rows<float>(in, out, loops.row_f32);
  } else {
    softmax_narrow_rows(in, out, loops);
  }
}

}  // namespace mlx::core::cpu
