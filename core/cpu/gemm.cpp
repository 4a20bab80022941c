#include "mlx/core/cpu/gemm.h"

#include <cblas.h>
#include <dnnl.h>

#include <complex>

namespace mlx::core::cpu {
namespace {

CBLAS_TRANSPOSE flag(const GemmOperand& x) { return x.transposed ? CblasTrans : CblasNoTrans; }
blasint narrow(int64_t value) { return static_cast<blasint>(value); }

// Arguments that all of BLAS's functions for a product share.
#define MLX_GEMM_SIZES(g) CblasRowMajor, flag(g.a), flag(g.b), narrow(g.m), narrow(g.n), narrow(g.k)

void gemm_complex64(const Gemm& g) {
  const std::complex<float> alpha(g.alpha);
  const std::complex<float> beta(g.beta);
  cblas_cgemm(MLX_GEMM_SIZES(g), &alpha, g.a.data, narrow(g.a.stride), g.b.data, narrow(g.b.stride),
              &beta, g.c, narrow(g.c_stride));
}

void gemm_float64(const Gemm& g) {
  cblas_dgemm(MLX_GEMM_SIZES(g), g.alpha, static_cast<const double*>(g.a.data), narrow(g.a.stride),
              static_cast<const double*>(g.b.data), narrow(g.b.stride), g.beta,
              static_cast<double*>(g.c), narrow(g.c_stride));
}

// Whether oneDNN's product of float32 is the faster one. It is the more exact one
// too, but makes nothing of NaN times 0 and leaves c as it is when k = 0.
bool prefers_onednn(const Gemm& g) {
#if defined(__x86_64__)
  // OpenBLAS has kernels for small matrices, which start at once.
  constexpr int64_t kSmall = 1 << 18;
  // oneDNN copies the transposed operand to multiply a few rows.
  const bool is_copied = g.b.transposed && g.m > 8 && g.m < 128 && g.n * g.k >= 1 << 20;
  return g.m * g.n * g.k > kSmall && g.alpha != 0 && !is_copied;
#else
  return false;
#endif
}

void gemm_float32(const Gemm& g) {
  if (prefers_onednn(g)) {
    dnnl_sgemm(g.a.transposed ? 'T' : 'N', g.b.transposed ? 'T' : 'N', g.m, g.n, g.k, g.alpha,
               static_cast<const float*>(g.a.data), g.a.stride, static_cast<const float*>(g.b.data),
               g.b.stride, g.beta, static_cast<float*>(g.c), g.c_stride);
    return;
  }
  cblas_sgemm(MLX_GEMM_SIZES(g), g.alpha, static_cast<const float*>(g.a.data), narrow(g.a.stride),
              static_cast<const float*>(g.b.data), narrow(g.b.stride), g.beta,
              static_cast<float*>(g.c), narrow(g.c_stride));
}

#undef MLX_GEMM_SIZES

// y = alpha matrix x + beta y for one of the operands a vector. BLAS's gemm
// would copy the whole matrix to its own layout to use it once.
void gemv_float32(const Gemm& g) {
  const bool row = g.m == 1;  // [1, k] b = (b^T [k])^T
  const GemmOperand& matrix = row ? g.b : g.a;
  const GemmOperand& vector = row ? g.a : g.b;
  const bool transposed = matrix.transposed != row;
  const int64_t outputs = row ? g.n : g.m;
  // A vector's elements are a row apart unless they form a row.
  const int64_t step = vector.transposed == row ? vector.stride : 1;
  cblas_sgemv(CblasRowMajor, transposed ? CblasTrans : CblasNoTrans,
              narrow(transposed ? g.k : outputs), narrow(transposed ? outputs : g.k), g.alpha,
              static_cast<const float*>(matrix.data), narrow(matrix.stride),
              static_cast<const float*>(vector.data), narrow(step), g.beta,
              static_cast<float*>(g.c), narrow(row ? 1 : g.c_stride));
}

}  // namespace

Dtype gemm_dtype(Dtype dtype) {
  const bool widen = dtype == float16 || (dtype == bfloat16 && !has_gemm_bfloat16());
  return widen ? float32 : dtype;
}

void gemm(const Gemm& g) {
  switch (g.dtype.val()) {
    case Dtype::Val::bfloat16:
      return gemm_bfloat16(g);
    case Dtype::Val::float64:
      return gemm_float64(g);
    case Dtype::Val::complex64:
      return gemm_complex64(g);
    default:
      // gemv leaves y as it is when k = 0.
      return (g.m == 1 || g.n == 1) && g.k > 0 ? gemv_float32(g) : gemm_float32(g);
  }
}

}  // namespace mlx::core::cpu
