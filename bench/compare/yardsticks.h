#pragma once

// What this machine can do at best: plain loops over memory, OpenBLAS called directly.

#include <cstddef>

namespace bench {

/// c = a + b over `count` floats, with ordinary stores.
void stream_add(const float* a, const float* b, float* c, size_t count);

/// The same with stores that bypass the caches.
void stream_add_nontemporal(const float* a, const float* b, float* c, size_t count);

/// memcpy by all threads.
void stream_copy(const float* a, float* c, size_t count);

/// The sum of `count` floats in several independent accumulators.
float stream_sum(const float* a, size_t count);

/// C = A B for n x n matrices.
void blas_matmul(const float* a, const float* b, float* c, int n);

}  // namespace bench
