#include <cblas.h>
#include <omp.h>

#include <cstring>

#include "functions.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace mlx::bench {
namespace {

// This thread's share of [0, count), in whole cache lines.
struct Share {
  size_t begin;
  size_t end;
};

Share share_of(size_t count) {
  const auto threads = static_cast<size_t>(omp_get_num_threads());
  const auto me = static_cast<size_t>(omp_get_thread_num());
  const size_t lines = count / 16;
  return {lines * me / threads * 16, me + 1 == threads ? count : lines * (me + 1) / threads * 16};
}

// c = a + b, with ordinary stores.
void stream_add(const float* a, const float* b, float* c, size_t count) {
#pragma omp parallel
  {
    const Share s = share_of(count);
    for (size_t i = s.begin; i < s.end; ++i) {
      c[i] = a[i] + b[i];
    }
  }
}

// The same with stores that bypass the caches.
void stream_add_nontemporal(const float* a, const float* b, float* c, size_t count) {
#if defined(__SSE2__)
#pragma omp parallel
  {
    const Share s = share_of(count);
    for (size_t i = s.begin; i + 4 <= s.end; i += 4) {
      _mm_stream_ps(c + i, _mm_add_ps(_mm_loadu_ps(a + i), _mm_loadu_ps(b + i)));
    }
    _mm_sfence();
  }
#else
  stream_add(a, b, c, count);
#endif
}

void stream_copy(const float* a, float* c, size_t count) {
#pragma omp parallel
  {
    const Share s = share_of(count);
    std::memcpy(c + s.begin, a + s.begin, (s.end - s.begin) * sizeof(float));
  }
}

// In several independent accumulators.
float stream_sum(const float* a, size_t count) {
  float total = 0;
#pragma omp parallel reduction(+ : total)
  {
    const Share s = share_of(count);
    constexpr size_t kLanes = 64;
    float lanes[kLanes] = {};
    size_t i = s.begin;
    for (; i + kLanes <= s.end; i += kLanes) {
      for (size_t k = 0; k < kLanes; ++k) {
        lanes[k] += a[i + k];
      }
    }
    for (; i < s.end; ++i) {
      lanes[0] += a[i];
    }
    for (float lane : lanes) {
      total += lane;
    }
  }
  return total;
}

const float* floats(const core::array& a) { return a.data<float>(); }

// The memory of the last input, which a yardstick writes.
float* output(const Arrays& in) {
  core::array last = in.back();
  return last.data<float>();
}

// C = A B for square matrices.
Arrays blas_matmul(const Arrays& in) {
  const int n = static_cast<int>(in[0].shape(0));
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1.0f, floats(in[0]), n,
              floats(in[1]), n, 0.0f, output(in), n);
  return {};
}

Arrays stream_sum(const Arrays& in) {
  volatile float total = stream_sum(floats(in[0]), in[0].size());
  static_cast<void>(total);
  return {};
}

}  // namespace

Functions yardsticks() {
  return {
      {"yard_add",
       [](const Arrays& in) {
         stream_add(floats(in[0]), floats(in[1]), output(in), in[0].size());
         return Arrays{};
       }},
      {"yard_add_nt",
       [](const Arrays& in) {
         stream_add_nontemporal(floats(in[0]), floats(in[1]), output(in), in[0].size());
         return Arrays{};
       }},
      {"yard_copy",
       [](const Arrays& in) {
         stream_copy(floats(in[0]), output(in), in[0].size());
         return Arrays{};
       }},
      {"yard_sum", stream_sum},
      {"yard_blas", blas_matmul},
  };
}

}  // namespace mlx::bench
