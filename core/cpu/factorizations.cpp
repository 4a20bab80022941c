// Inverses, equations, triangular factors, determinants.

#include <cblas.h>

#include <algorithm>
#include <limits>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/lapack.h"
#include "mlx/core/cpu/linalg.h"
#include "mlx/core/ops/linalg_ops.h"

namespace mlx::core::cpu {
namespace {

Int getrf(Int m, Int n, float* a, Int* pivots) {
  return LAPACKE_sgetrf_work(LAPACK_COL_MAJOR, m, n, a, m, pivots);
}
Int getrf(Int m, Int n, double* a, Int* pivots) {
  return LAPACKE_dgetrf_work(LAPACK_COL_MAJOR, m, n, a, m, pivots);
}
Int getri(Int n, float* a, const Int* pivots) {
  return LAPACKE_sgetri(LAPACK_COL_MAJOR, n, a, n, pivots);
}
Int getri(Int n, double* a, const Int* pivots) {
  return LAPACKE_dgetri(LAPACK_COL_MAJOR, n, a, n, pivots);
}
Int getrs(Int n, Int k, const float* a, const Int* pivots, float* b) {
  return LAPACKE_sgetrs(LAPACK_COL_MAJOR, 'T', n, k, a, n, pivots, b, n);
}
Int getrs(Int n, Int k, const double* a, const Int* pivots, double* b) {
  return LAPACKE_dgetrs(LAPACK_COL_MAJOR, 'T', n, k, a, n, pivots, b, n);
}
Int trtri(char triangle, Int n, float* a) {
  return LAPACKE_strtri(LAPACK_COL_MAJOR, triangle, 'N', n, a, n);
}
Int trtri(char triangle, Int n, double* a) {
  return LAPACKE_dtrtri(LAPACK_COL_MAJOR, triangle, 'N', n, a, n);
}
Int potrf(char triangle, Int n, float* a) {
  return LAPACKE_spotrf_work(LAPACK_COL_MAJOR, triangle, n, a, n);
}
Int potrf(char triangle, Int n, double* a) {
  return LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, triangle, n, a, n);
}
Int thin_svd(Int m, Int n, float* a, float* s, float* u, float* vt) {
  return LAPACKE_sgesdd(LAPACK_COL_MAJOR, 'S', m, n, a, m, s, u, m, vt, std::min(m, n));
}
Int thin_svd(Int m, Int n, double* a, double* s, double* u, double* vt) {
  return LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'S', m, n, a, m, s, u, m, vt, std::min(m, n));
}
// Of the transpose of a, in LAPACK's order.
void trsm(CBLAS_UPLO triangle, Int n, Int k, const float* a, float* b) {
  cblas_strsm(CblasColMajor, CblasLeft, triangle, CblasTrans, CblasNonUnit, n, k, 1, a, n, b, n);
}
void trsm(CBLAS_UPLO triangle, Int n, Int k, const double* a, double* b) {
  cblas_dtrsm(CblasColMajor, CblasLeft, triangle, CblasTrans, CblasNonUnit, n, k, 1, a, n, b, n);
}
// c [m, n] = a [k, m]^T b [n, k]^T, row-major.
void transposed_product(Int m, Int n, Int k, const float* a, const float* b, float* c) {
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasTrans, m, n, k, 1, a, m, b, k, 0, c, n);
}
void transposed_product(Int m, Int n, Int k, const double* a, const double* b, double* c) {
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasTrans, m, n, k, 1, a, m, b, k, 0, c, n);
}

// The triangle of the transpose.
char lapack_triangle(bool upper) { return upper ? 'L' : 'U'; }

// To a row-major matrix of which only a triangle counts.
template <typename T>
void copy_triangle(const T* from, T* to, int64_t n, bool upper) {
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      to[i * n + j] = (upper ? j >= i : j <= i) ? from[i * n + j] : T{};
    }
  }
}

std::vector<Int> pivots_of(Int n) { return std::vector<Int>(static_cast<size_t>(n)); }

}  // namespace

// The inverse of the transpose is the transpose of the inverse.
void inverse(const KernelArgs& args) {
  array& out = args.outputs[0];
  allocate(out);
  Failure failure;
  with_real(out.dtype(), [&](auto type) {
    using T = decltype(type);
    Matrices<T> a(args.inputs[0], "inv");
    const Int n = a.rows();
    if (n == 0) return;
    for_each_matrix(a.count(), n, [&](int64_t i) {
      auto pivots = pivots_of(n);
      Int info = getrf(n, n, a[i], pivots.data());
      if (info == 0) info = getri(n, a[i], pivots.data());
      T* to = data_of<T>(out) + i * n * n;
      std::copy_n(a[i], int64_t{n} * n, to);
      settle(failure, i, info, to, int64_t{n} * n);
    });
  });
  failure.raise("inv", "The matrix is singular");
}

void triangular_inverse(const KernelArgs& args) {
  const bool upper = args.attrs.get<TriangleAttrs>().upper;
  array& out = args.outputs[0];
  allocate(out);
  Failure failure;
  with_real(out.dtype(), [&](auto type) {
    using T = decltype(type);
    Matrices<T> a(args.inputs[0], "tri_inv");
    const Int n = a.rows();
    if (n == 0) return;
    for_each_matrix(a.count(), n, [&](int64_t i) {
      T* to = data_of<T>(out) + i * n * n;
      const Int info = trtri(lapack_triangle(upper), n, a[i]);
      copy_triangle(a[i], to, n, upper);
      settle(failure, i, info, to, int64_t{n} * n);
    });
  });
  failure.raise("tri_inv", "The matrix is singular");
}

void cholesky(const KernelArgs& args) {
  const bool upper = args.attrs.get<TriangleAttrs>().upper;
  array& out = args.outputs[0];
  allocate(out);
  with_real(out.dtype(), [&](auto type) {
    using T = decltype(type);
    Matrices<T> a(args.inputs[0], "cholesky");
    const Int n = a.rows();
    if (n == 0) return;
    for_each_matrix(a.count(), n, [&](int64_t i) {
      potrf(lapack_triangle(upper), n, a[i]);  // see linalg.h about its result
      copy_triangle(a[i], data_of<T>(out) + i * n * n, n, upper);
    });
  });
}

// LAPACK sees A^T = U S Vt, so the result is U S^-1 Vt, transposed twice: ours
// is Vt^T S^-1 U^T there, and its rows are U's.
void pseudo_inverse(const KernelArgs& args) {
  array& out = args.outputs[0];
  allocate(out);
  Failure failure;
  with_real(out.dtype(), [&](auto type) {
    using T = decltype(type);
    Matrices<T> a(args.inputs[0], "pinv");
    const Int m = a.rows(), n = a.columns(), k = std::min(m, n);
    if (k == 0) {
      std::fill_n(data_of<T>(out), out.size(), T{});
      return;
    }
    for_each_matrix(a.count(), std::max(m, n), [&](int64_t i) {
      const auto vector = [](int64_t size) { return std::vector<T>(static_cast<size_t>(size)); };
      std::vector<T> s = vector(k), u = vector(int64_t{n} * k), vt = vector(int64_t{k} * m);
      failure.note(i, thin_svd(n, m, a[i], s.data(), u.data(), vt.data()));
      const T least = static_cast<T>(std::max(m, n)) * std::numeric_limits<T>::epsilon() * s[0];
      for (Int j = 0; j < k; ++j) {
        const T factor = s[static_cast<size_t>(j)] > least ? 1 / s[static_cast<size_t>(j)] : T{};
        for (Int row = 0; row < n; ++row) u[static_cast<size_t>(int64_t{j} * n + row)] *= factor;
      }
      // In row-major terms u is [k, n] and vt is [m, k].
      transposed_product(n, m, k, u.data(), vt.data(), data_of<T>(out) + i * m * n);
    });
  });
  failure.raise("pinv", "No convergence, or an element is not finite");
}

void lu(const KernelArgs& args) {
  for (array& out : args.outputs) allocate(out);
  with_real(args.inputs[0].dtype(), [&](auto type) {
    using T = decltype(type);
    Matrices<T> a(args.inputs[0], "lu");
    const Int m = a.rows(), n = a.columns(), k = std::min(m, n);
    auto* exchanged = data_of<uint32_t>(args.outputs[1]);
    auto* rows = data_of<uint32_t>(args.outputs[2]);
    for_each_matrix(a.count(), std::max(m, n), [&](int64_t i) {
      uint32_t* numbers = rows + i * m;
      for (Int r = 0; r < m; ++r) numbers[r] = static_cast<uint32_t>(r);
      if (k == 0) return;
      const Scratch<T> x(int64_t{m} * n);
      transpose(a[i], m, n, n, x.data());
      auto pivots = pivots_of(k);
      getrf(m, n, x.data(), pivots.data());  // a singular matrix has factors, too
      for (Int r = 0; r < k; ++r) {
        const Int with = pivots[static_cast<size_t>(r)] - 1;
        exchanged[i * k + r] = static_cast<uint32_t>(with);
        std::swap(numbers[r], numbers[with]);
      }
      transpose(x.data(), n, m, m, data_of<T>(args.outputs[0]) + i * m * n);
    });
  });
}

void solve(const KernelArgs& args) {
  array& out = args.outputs[0];
  allocate(out);
  Failure failure;
  with_real(out.dtype(), [&](auto type) {
    using T = decltype(type);
    Matrices<T> a(args.inputs[0], "solve");
    const array b = row_contiguous(args.inputs[1], out.dtype());
    const Int n = a.rows(), k = lapack_size(out.shape(-1), "solve");
    if (n == 0 || k == 0) return;
    for_each_matrix(a.count(), n, [&](int64_t i) {
      auto pivots = pivots_of(n);
      const Scratch<T> x(int64_t{n} * k);
      transpose(b.data<T>() + i * n * k, n, k, k, x.data());
      Int info = getrf(n, n, a[i], pivots.data());
      if (info == 0) info = getrs(n, k, a[i], pivots.data(), x.data());
      T* to = data_of<T>(out) + i * n * k;
      transpose(x.data(), k, n, n, to);
      settle(failure, i, info, to, int64_t{n} * k);
    });
  });
  failure.raise("solve", "The matrix is singular");
}

void solve_triangular(const KernelArgs& args) {
  const bool upper = args.attrs.get<TriangleAttrs>().upper;
  array& out = args.outputs[0];
  allocate(out);
  Failure failure;
  with_real(out.dtype(), [&](auto type) {
    using T = decltype(type);
    const array matrices = row_contiguous(args.inputs[0], out.dtype());
    const Int n = lapack_size(out.shape(-2), "solve_triangular");
    const Int k = lapack_size(out.shape(-1), "solve_triangular");
    if (n == 0 || k == 0) return;
    const array right = row_contiguous(args.inputs[1], out.dtype());
    for_each_matrix(static_cast<int64_t>(out.size()) / n / k, n, [&](int64_t i) {
      const T* a = matrices.data<T>() + i * n * n;
      for (Int d = 0; d < n; ++d) failure.note(i, a[int64_t{d} * n + d] == 0 ? d + 1 : 0);
      const Scratch<T> x(int64_t{n} * k);
      transpose(right.data<T>() + i * n * k, n, k, k, x.data());
      trsm(upper ? CblasLower : CblasUpper, n, k, a, x.data());
      transpose(x.data(), k, n, n, data_of<T>(out) + i * n * k);
    });
  });
  failure.raise("solve_triangular", "The matrix is singular");
}

void determinant(const KernelArgs& args) {
  array& out = args.outputs[0];
  allocate(out);
  with_real(out.dtype(), [&](auto type) {
    using T = decltype(type);
    Matrices<T> a(args.inputs[0], "det");
    const Int n = a.rows();
    for_each_matrix(a.count(), n, [&](int64_t i) {
      auto pivots = pivots_of(n);
      if (n > 0) getrf(n, n, a[i], pivots.data());
      T value = 1;
      for (Int d = 0; d < n; ++d) {
        const T factor = a[i][int64_t{d} * n + d];
        value *= pivots[static_cast<size_t>(d)] == d + 1 ? factor : -factor;
      }
      data_of<T>(out)[i] = value;
    });
  });
}

}  // namespace mlx::core::cpu
