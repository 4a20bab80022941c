#include <algorithm>
#include <complex>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/extent.h"
#include "mlx/core/cpu/matrix_view.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/scan.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/reduce_ops.h"

namespace mlx::core::cpu {
namespace {

// One run of n rows of `inner` elements, which do not depend on each other.
template <typename T>
void sum_rows(const T* x, const T* weights, T* out, int64_t n, int64_t inner, bool backwards) {
  const int64_t step = backwards ? -inner : inner;
  int64_t row = backwards ? (n - 1) * inner : 0;
  std::copy_n(x + row, inner, out + row);
  for (int64_t i = 1; i < n; ++i) {
    const int64_t before = row;
    row += step;
    for (int64_t j = 0; j < inner; ++j) {
      out[row + j] = x[row + j] + weights[row + j] * out[before + j];
    }
  }
}

template <typename T>
void sum_all(const array& x, const array& weights, array& out, const DecayingSumAttrs& attrs) {
  const Extent extent = extent_along(out.shape(), attrs.axis);
  const int64_t run = extent.n * extent.inner;
  parallel_for(extent.outer, 1 + (1 << 14) / run, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * run; i < end * run; i += run) {
      sum_rows(x.data<T>() + i, weights.data<T>() + i, out.data<T>() + i, extent.n, extent.inner,
               attrs.backwards);
    }
  });
}

}  // namespace

void decaying_sum(const KernelArgs& args) {
  const Dtype dtype = args.outputs[0].dtype();
  const auto& attrs = args.attrs.get<DecayingSumAttrs>();
  compute_in(dtype == complex64 ? dtype : sum_dtype(dtype), args.outputs[0], [&](array& out) {
    if (out.size() == 0) return;
    const array x = row_contiguous(args.inputs[0], out.dtype());
    const array weights = row_contiguous(args.inputs[1], out.dtype());
    out.dtype() == complex64 ? sum_all<std::complex<float>>(x, weights, out, attrs)
    : out.dtype() == float64 ? sum_all<double>(x, weights, out, attrs)
                             : sum_all<float>(x, weights, out, attrs);
  });
}

}  // namespace mlx::core::cpu
