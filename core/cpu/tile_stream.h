#pragma once

// Stores past the caches: a store that goes through them first reads the line
// that it is about to overwrite. Included only by tile_loops.cpp; see
// tile_math.h about linkage.

#include <cstdint>

#include "mlx/core/cpu/tile_math.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mlx::core::cpu {
namespace {

// `bytes` of `dst`, of which whole cache lines are streamed. Other threads see
// them after a fence.
void stream_bytes(void* dst, const void* src, int64_t bytes) {
  auto* to = static_cast<char*>(dst);
  const auto* from = static_cast<const char*>(src);
  int64_t done = 0;
#if defined(__x86_64__)
  if (reinterpret_cast<uintptr_t>(dst) % 64 == 0) {
    for (; done + 64 <= bytes; done += 64) {
#if defined(__AVX512F__)
      _mm512_stream_si512(reinterpret_cast<__m512i*>(to + done), _mm512_loadu_si512(from + done));
#elif defined(__AVX__)
      for (int64_t i = done; i < done + 64; i += 32) {
        const __m256i value = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i));
        _mm256_stream_si256(reinterpret_cast<__m256i*>(to + i), value);
      }
#else
      for (int64_t i = done; i < done + 64; i += 16) {
        const __m128i value = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
        _mm_stream_si128(reinterpret_cast<__m128i*>(to + i), value);
      }
#endif
    }
  }
#endif
  __builtin_memcpy(to + done, from + done, static_cast<size_t>(bytes - done));
}

}  // namespace
}  // namespace mlx::core::cpu
