#include "mlx/core/cpu/svd.h"

#include <lapacke.h>

#include <algorithm>
#include <stdexcept>

#include "mlx/core/base/error.h"
#include "mlx/core/cpu/copy.h"

namespace mlx::core::cpu {

void svd(const KernelArgs& args) {
  array& u = args.outputs[0];
  array& s = args.outputs[1];
  array& vt = args.outputs[2];
  for (array& out : args.outputs) {
    allocate(out);
  }
  const int64_t m = args.inputs[0].shape(-2);
  const int64_t n = args.inputs[0].shape(-1);
  require(std::max(m, n) < INT32_MAX, "[svd] Matrix of ", m, " by ", n, " is too large.");
  if (m == 0 || n == 0) {
    return;
  }
  // LAPACK writes over its input.
  const auto matrices = static_cast<int64_t>(args.inputs[0].size()) / (m * n);
  const auto rows = static_cast<lapack_int>(m);
  const auto columns = static_cast<lapack_int>(n);
  allocator::Buffer copy = allocator::malloc(args.inputs[0].nbytes());
  copy_to(args.inputs[0], copy.raw_ptr(), float32);
  lapack_int failed = 0;
  for (int64_t i = 0; i < matrices && failed == 0; ++i) {
    failed = LAPACKE_sgesdd(LAPACK_ROW_MAJOR, 'A', rows, columns,
                            static_cast<float*>(copy.raw_ptr()) + i * m * n, columns,
                            s.data<float>() + i * std::min(m, n), u.data<float>() + i * m * m, rows,
                            vt.data<float>() + i * n * n, columns);
  }
  allocator::free(copy);
  if (failed != 0) {
    throw std::runtime_error(concat("[svd] LAPACK's gesdd failed with ", failed,
                                    failed > 0 ? ": no convergence." : ": is an element NaN?"));
  }
}

}  // namespace mlx::core::cpu
