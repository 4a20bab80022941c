#include "mlx/core/cpu/softmax.h"

#include <algorithm>
#include <vector>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/instruction_set.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/softmax_loops.h"
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

// The operand row-major in the dtype that is computed in.
array prepared(const array& in, Dtype dtype) {
  if (in.dtype() == dtype && in.flags().row_contiguous) {
    return in;
  }
  array copy = make_array(in.shape(), dtype);
  allocate(copy);
  copy_to(in, copy.data<void>(), dtype);
  return copy;
}

}  // namespace

void softmax(const KernelArgs& args) {
  static const SoftmaxLoops& loops = MLX_CHOOSE_LOOPS(kSoftmaxLoops);
  array& out = args.outputs[0];
  const Dtype dtype = out.dtype() == float64 ? float64 : float32;
  array in = prepared(args.inputs[0], dtype);
  array result = out;
  if (out.dtype() != dtype) {
    result = in;
  } else if (args.inputs[0].id() == in.id() && args.inputs[0].is_donatable()) {
    out.copy_shared_buffer(in);
  } else {
    allocate(out);
  }
  if (dtype == float64) {
    softmax_rows<double>(in, result, loops.row_f64);
  } else {
    softmax_rows<float>(in, result, loops.row_f32);
  }
  if (out.dtype() != dtype) {
    allocate(out);
    copy_to(result, out.data<void>(), out.dtype());
  }
}

}  // namespace mlx::core::cpu
