#pragma once

// Threads for kernels: OpenMP, shared with OpenBLAS.

#include <cstdint>
#include <type_traits>

namespace mlx::core::cpu {

using RangeBody = void (*)(void* context, int64_t begin, int64_t end);

/// The threads that a parallel region uses (OMP_NUM_THREADS or the cores).
int thread_count();

void parallel_ranges(int64_t count, int64_t grain, RangeBody body, void* context);

/// Calls body(begin, end) for consecutive ranges that cover [0, count), from
/// several threads when there are at least two ranges of `grain`. A body that
/// throws ends the region; the first exception is rethrown here.
template <typename Body>
void parallel_for(int64_t count, int64_t grain, Body&& body) {
  using B = std::remove_reference_t<Body>;
  parallel_ranges(
      count, grain,
      [](void* context, int64_t begin, int64_t end) { (*static_cast<B*>(context))(begin, end); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace mlx::core::cpu
