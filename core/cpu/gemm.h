#pragma once

// The product of two matrices in memory, by the fastest library for the dtype.

#include <cstdint>

#include "mlx/core/dtype.h"

namespace mlx::core::cpu {

/// A matrix whose rows lie `stride` elements apart; with `transposed`, the
/// operand is that matrix's transpose.
struct GemmOperand {
  const void* data;
  int64_t stride;
  bool transposed;
};

/// c = alpha a b + beta c, where a is [m, k], b is [k, n] and c is [m, n].
/// With beta = 0, c is not read. Sizes and strides fit in 31 bits.
struct Gemm {
  Dtype dtype;
  int64_t m;
  int64_t n;
  int64_t k;
  GemmOperand a;
  GemmOperand b;
  void* c;
  int64_t c_stride;
  float alpha = 1;
  float beta = 0;
  /// So many products, their matrices so many elements apart; those of c follow each other.
  /// Only for bfloat16.
  int64_t batch = 1;
  int64_t a_step = 0;
  int64_t b_step = 0;
};

/// The dtype that products of `dtype` are computed in on this machine: itself,
/// or float32 where gemm() cannot take a 16-bit float. float16 never, bfloat16
/// where the processor multiplies it.
Dtype gemm_dtype(Dtype dtype);

/// Threaded, unless called from a parallel region. The dtype is one that
/// gemm_dtype returns; bfloat16 accumulates in float32 and needs k > 0.
void gemm(const Gemm& g);

/// The part of gemm() for bfloat16.
void gemm_bfloat16(const Gemm& g);
/// Whether the processor has instructions for it.
bool has_gemm_bfloat16();

}  // namespace mlx::core::cpu
