// Singular values, eigenvalues, QR.

#include <algorithm>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/lapack.h"
#include "mlx/core/cpu/linalg.h"
#include "mlx/core/ops/linalg_ops.h"

namespace mlx::core::cpu {
namespace {

template <typename T>
using Real = decltype(std::real(T{}));

Int gesdd(char job, Int m, Int n, float* a, float* s, float* u, float* vt) {
  return LAPACKE_sgesdd(LAPACK_COL_MAJOR, job, m, n, a, m, s, u, m, vt, n);
}
Int gesdd(char job, Int m, Int n, double* a, double* s, double* u, double* vt) {
  return LAPACKE_dgesdd(LAPACK_COL_MAJOR, job, m, n, a, m, s, u, m, vt, n);
}
Int gesdd(char job, Int m, Int n, ComplexFloat* a, float* s, ComplexFloat* u, ComplexFloat* vt) {
  return LAPACKE_cgesdd(LAPACK_COL_MAJOR, job, m, n, lapack(a), m, s, lapack(u), m, lapack(vt), n);
}

Int syevd(char job, char triangle, Int n, float* a, float* w) {
  return LAPACKE_ssyevd(LAPACK_COL_MAJOR, job, triangle, n, a, n, w);
}
Int syevd(char job, char triangle, Int n, double* a, double* w) {
  return LAPACKE_dsyevd(LAPACK_COL_MAJOR, job, triangle, n, a, n, w);
}
Int syevd(char job, char triangle, Int n, ComplexFloat* a, float* w) {
  return LAPACKE_cheevd(LAPACK_COL_MAJOR, job, triangle, n, lapack(a), n, w);
}

Int geqrf(Int m, Int n, float* a, float* tau) {
  return LAPACKE_sgeqrf(LAPACK_COL_MAJOR, m, n, a, m, tau);
}
Int geqrf(Int m, Int n, double* a, double* tau) {
  return LAPACKE_dgeqrf(LAPACK_COL_MAJOR, m, n, a, m, tau);
}
Int orgqr(Int m, Int n, float* a, float* tau) {
  return LAPACKE_sorgqr(LAPACK_COL_MAJOR, m, n, n, a, m, tau);
}
Int orgqr(Int m, Int n, double* a, double* tau) {
  return LAPACKE_dorgqr(LAPACK_COL_MAJOR, m, n, n, a, m, tau);
}

// Right eigenvectors of `a`, whose elements are in LAPACK's order.
template <typename T>
Int geev(bool vectors, Int n, T* a, ComplexFloat* w, ComplexFloat* v) {
  const char job = vectors ? 'V' : 'N';
  const auto size = static_cast<size_t>(n);
  if constexpr (std::is_same_v<T, ComplexFloat>) {
    return LAPACKE_cgeev(LAPACK_COL_MAJOR, 'N', job, n, lapack(a), n, lapack(w), nullptr, n,
                         lapack(v), n);
  } else {
    std::vector<T> re(size), im(size), columns(vectors ? size * size : 0);
    Int info;
    if constexpr (std::is_same_v<T, float>) {
      info = LAPACKE_sgeev(LAPACK_COL_MAJOR, 'N', job, n, a, n, re.data(), im.data(), nullptr, n,
                           columns.data(), n);
    } else {
      info = LAPACKE_dgeev(LAPACK_COL_MAJOR, 'N', job, n, a, n, re.data(), im.data(), nullptr, n,
                           columns.data(), n);
    }
    for (size_t j = 0; j < size; ++j) {
      w[j] = {static_cast<float>(re[j]), static_cast<float>(im[j])};
      if (!vectors) continue;
      // A pair of conjugate values shares two columns: the real and the imaginary part.
      const size_t real = im[j] < 0 ? j - 1 : j;
      for (size_t i = 0; i < size; ++i) {
        const T b = im[j] == 0 ? T{} : columns[(real + 1) * size + i];
        v[j * size + i] = {static_cast<float>(columns[real * size + i]),
                           static_cast<float>(im[j] < 0 ? -b : b)};
      }
    }
    return info;
  }
}

}  // namespace

// LAPACK sees A^T = Vt^T S U^T: its first vectors are our Vt, its second our U.
void svd(const KernelArgs& args) {
  const bool vectors = args.attrs.get<VectorsAttrs>().vectors;
  for (array& out : args.outputs) allocate(out);
  array& values = args.outputs[vectors ? 1 : 0];
  Failure failure;
  with_real_or_complex(args.inputs[0].dtype(), [&](auto type) {
    using T = decltype(type);
    Matrices<T> a(args.inputs[0], "svd");
    const int64_t m = a.rows(), n = a.columns(), k = std::min(m, n);
    const auto set_unit = [](T* to, int64_t size) {
      for (int64_t i = 0; i < size; ++i) to[i * size + i] = 1;
    };
    for_each_matrix(a.count(), std::max(m, n), [&](int64_t i) {
      T* u = vectors ? data_of<T>(args.outputs[0]) + i * m * m : nullptr;
      T* vt = vectors ? data_of<T>(args.outputs[2]) + i * n * n : nullptr;
      if (k > 0) {
        failure.note(i, gesdd(vectors ? 'A' : 'N', a.columns(), a.rows(), a[i],
                              data_of<Real<T>>(values) + i * k, vt, u));
      } else if (vectors) {
        std::fill_n(u, m * m, T{});
        std::fill_n(vt, n * n, T{});
        set_unit(u, m);
        set_unit(vt, n);
      }
    });
  });
  failure.raise("svd", "No convergence, or an element is not finite");
}

void eigh(const KernelArgs& args) {
  const auto& attrs = args.attrs.get<EighAttrs>();
  for (array& out : args.outputs) allocate(out);
  Failure failure;
  with_real_or_complex(args.inputs[0].dtype(), [&](auto type) {
    using T = decltype(type);
    Matrices<T> a(args.inputs[0], "eigh");
    const Int n = a.rows();
    if (n == 0) return;
    for_each_matrix(a.count(), n, [&](int64_t i) {
      // LAPACK is faster with lower triangles. It sees the transpose, whose lower one is
      // our upper one; a Hermitian matrix's transpose is its conjugate, and so are the vectors.
      const Scratch<T> lower(attrs.upper ? 0 : int64_t{n} * n);
      if (!attrs.upper) transpose(a[i], n, n, n, lower.data());
      T* x = attrs.upper ? a[i] : lower.data();
      failure.note(i, syevd(attrs.vectors ? 'V' : 'N', 'L', n, x,
                            data_of<Real<T>>(args.outputs[0]) + i * n));
      if (!attrs.vectors) return;
      T* out = data_of<T>(args.outputs[1]) + i * n * n;
      transpose(x, n, n, n, out);
      if constexpr (std::is_same_v<T, ComplexFloat>) {
        for (int64_t k = 0; attrs.upper && k < int64_t{n} * n; ++k) out[k] = std::conj(out[k]);
      }
    });
  });
  failure.raise("eigh", "No convergence, or an element is not finite");
}

void eig(const KernelArgs& args) {
  const bool vectors = args.attrs.get<VectorsAttrs>().vectors;
  for (array& out : args.outputs) allocate(out);
  Failure failure;
  with_real_or_complex(args.inputs[0].dtype(), [&](auto type) {
    using T = decltype(type);
    Matrices<T> a(args.inputs[0], "eig");
    const Int n = a.rows();
    if (n == 0) return;
    for_each_matrix(a.count(), n, [&](int64_t i) {
      const Scratch<T> x(int64_t{n} * n);
      transpose(a[i], n, n, n, x.data());
      const Scratch<ComplexFloat> v(vectors ? int64_t{n} * n : 0);
      failure.note(
          i, geev(vectors, n, x.data(), data_of<ComplexFloat>(args.outputs[0]) + i * n, v.data()));
      if (vectors) transpose(v.data(), n, n, n, data_of<ComplexFloat>(args.outputs[1]) + i * n * n);
    });
  });
  failure.raise("eig", "No convergence, or an element is not finite");
}

// Of the matrix in LAPACK's order: two transpositions cost less than a
// factorization into L and Q, which LAPACK does more slowly.
void qr(const KernelArgs& args) {
  array &q = args.outputs[0], &r = args.outputs[1];
  allocate(q);
  allocate(r);
  Failure failure;
  with_real(args.inputs[0].dtype(), [&](auto type) {
    using T = decltype(type);
    Matrices<T> a(args.inputs[0], "qr");
    const Int m = a.rows(), n = a.columns(), k = std::min(m, n);
    if (k == 0) return;
    for_each_matrix(a.count(), std::max(m, n), [&](int64_t matrix) {
      const Scratch<T> tau(k), x(int64_t{m} * n);
      transpose(a[matrix], m, n, n, x.data());
      failure.note(matrix, geqrf(m, n, x.data(), tau.data()));
      T* upper = data_of<T>(r) + matrix * k * n;
      transpose(x.data(), n, k, m, upper);
      for (int64_t i = 1; i < k; ++i) std::fill_n(upper + i * n, std::min<int64_t>(i, n), T{});
      failure.note(matrix, orgqr(m, k, x.data(), tau.data()));
      transpose(x.data(), k, m, m, data_of<T>(q) + matrix * m * k);
    });
  });
  failure.raise("qr", "The factorization failed");
}

}  // namespace mlx::core::cpu
