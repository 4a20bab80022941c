#include "mlx/core/cpu/parallel.h"

#include <omp.h>

#include <algorithm>
#include <exception>

namespace mlx::core::cpu {

int thread_count() { return omp_in_parallel() ? 1 : omp_get_max_threads(); }

void parallel_ranges(int64_t count, int64_t grain, RangeBody body, void* context) {
  const int64_t pieces = std::max<int64_t>(1, count / std::max<int64_t>(1, grain));
  const int threads = static_cast<int>(std::min<int64_t>(thread_count(), pieces));
  if (threads <= 1) {
    if (count > 0) {
      body(context, 0, count);
    }
    return;
  }
  std::exception_ptr error;
#pragma omp parallel num_threads(threads)
  {
    const int64_t share = omp_get_num_threads();
    const int64_t mine = omp_get_thread_num();
    const int64_t begin = count * mine / share;
    const int64_t end = count * (mine + 1) / share;
    try {
      if (begin < end) {
        body(context, begin, end);
      }
    } catch (...) {
#pragma omp critical(mlx_parallel_error)
      if (!error) {
        error = std::current_exception();
      }
    }
  }
  if (error) {
    std::rethrow_exception(error);
  }
}

}  // namespace mlx::core::cpu
