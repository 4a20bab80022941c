#include "mlx/core/cpu/parallel.h"

#include <omp.h>

#include <algorithm>
#include <exception>
#include <mutex>

#if defined(__SANITIZE_THREAD__)
#include <thread>
#include <vector>
#endif

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
  std::mutex mutex;
  const auto run = [&](int64_t mine, int64_t share) {
    const int64_t begin = count * mine / share;
    const int64_t end = count * (mine + 1) / share;
    try {
      if (begin < end) {
        body(context, begin, end);
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!error) {
        error = std::current_exception();
      }
    }
  };
#if defined(__SANITIZE_THREAD__)
  // The thread sanitizer does not see libgomp's synchronisation.
  std::vector<std::thread> team;
  for (int i = 1; i < threads; ++i) {
    team.emplace_back([&run, i, threads] { run(i, threads); });
  }
  run(0, threads);
  for (std::thread& thread : team) {
    thread.join();
  }
#else
#pragma omp parallel num_threads(threads)
  run(omp_get_thread_num(), omp_get_num_threads());
#endif
  if (error) {
    std::rethrow_exception(error);
  }
}

}  // namespace mlx::core::cpu
