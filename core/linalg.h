#pragma once

// Linear algebra, by LAPACK.
//
// What all have in common:
// Shapes: matrices are the last two axes; the axes before them are batches,
//         each matrix for itself. Empty matrices and batches are allowed.
// Dtypes: float32 and float64, where nothing else is said.
// Errors: std::invalid_argument for fewer axes than needed, a matrix that is
//         not square where it must be, another dtype; std::runtime_error from
//         eval for a singular matrix or an iteration that does not converge,
//         naming the matrix of the batch.
// Grad:   wherever the result is a differentiable function of the input. Where
//         singular or eigenvalues are equal the vectors are no function of the
//         matrix, and such pairs contribute nothing. Complex vectors have any
//         phase: right for results that do not depend on it.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/utils.h"

namespace mlx::core::linalg {

/// Norms of vectors (one axis) or matrices (two axes).
///
/// `ord` of vectors: any number (0 counts what is not 0), also infinite. Of
/// matrices: 1, -1, 2, -2, infinite (largest or smallest sum of a column, singular
/// value, sum of a row), "fro" or "f" (root of the sum of squares), "nuc" (sum of
/// the singular values). Without `axis`: the whole array, which has one or two axes.
/// Dtypes: all; integers become float32, complex64 gives float32.
/// Errors: std::invalid_argument for an order that does not fit the number of axes.
array norm(const array& a, const double ord,
           const std::optional<std::vector<int>>& axis = std::nullopt, bool keepdims = false,
           StreamOrDevice s = {});
array norm(const array& a, const double ord, int axis, bool keepdims = false,
           StreamOrDevice s = {});
array norm(const array& a, const std::string& ord,
           const std::optional<std::vector<int>>& axis = std::nullopt, bool keepdims = false,
           StreamOrDevice s = {});
array norm(const array& a, const std::string& ord, int axis, bool keepdims = false,
           StreamOrDevice s = {});
/// The root of the sum of squares, of any number of elements without `axis`, along one or two axes.
array norm(const array& a, const std::optional<std::vector<int>>& axis = std::nullopt,
           bool keepdims = false, StreamOrDevice s = {});
array norm(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {});

/// a = Q R. Shapes: a [..., m, n] -> Q [..., m, k], R [..., k, n], k = min(m, n).
std::pair<array, array> qr(const array& a, StreamOrDevice s = {});

/// a = U diag(S) Vt, S descending: {U, S, Vt}, or {S} without `compute_uv`.
/// Shapes: a [..., m, n] -> U [..., m, m], S [..., min(m, n)], Vt [..., n, n].
/// Dtypes: also complex64, whose S is float32.
std::vector<array> svd(const array& a, bool compute_uv, StreamOrDevice s);
std::vector<array> svd(const array& a, StreamOrDevice s = {});

/// The inverse of a square matrix.
array inv(const array& a, StreamOrDevice s = {});
/// The inverse of a triangular matrix; the other triangle is not read.
array tri_inv(const array& a, bool upper = false, StreamOrDevice s = {});

/// The lower triangular L with a = L L^T, or the upper triangular U with
/// a = U^T U. Reads one triangle; the gradient is that of a symmetric matrix. Where `a` is not
/// positive definite no error is raised, as in MLX, and the elements from the first bad column on
/// mean nothing.
array cholesky(const array& a, bool upper = false, StreamOrDevice s = {});

/// The inverse of a matrix with at most min(m, n) singular values that are
/// not 0: those below max(m, n) * epsilon times the largest count as 0.
/// Shapes: a [..., m, n] -> [..., n, m].
array pinv(const array& a, StreamOrDevice s = {});

/// The inverse of the matrix whose Cholesky factor is `a`.
array cholesky_inv(const array& a, bool upper = false, StreamOrDevice s = {});

/// {P, L, U} with a = L[P, :] U: P are uint32 row numbers.
/// Shapes: a [..., m, n] -> P [..., m], L [..., m, k], U [..., k, n], k = min(m, n).
std::vector<array> lu(const array& a, StreamOrDevice s = {});

/// L (below the diagonal, its ones left out) and U in one matrix, and the
/// uint32 row that was exchanged with each row in turn.
std::pair<array, array> lu_factor(const array& a, StreamOrDevice s = {});

/// x with a x = b. Shapes: a [..., n, n]; b [n], or [..., n, k] whose batches broadcast.
array solve(const array& a, const array& b, StreamOrDevice s = {});
/// The same for a triangular matrix; the other triangle is not read.
array solve_triangular(const array& a, const array& b, bool upper = false, StreamOrDevice s = {});

/// The cross product along an axis of 2 or 3 elements; of 2, the third is 0.
/// Shapes: broadcast; the axis of the result has 3 elements. Dtypes: all.
array cross(const array& a, const array& b, int axis = -1, StreamOrDevice s = {});

/// Eigenvalues and right eigenvectors (columns of length 1). complex64 results.
/// Dtypes: also complex64. Grad: in single precision; for matrices with as many vectors as rows.
std::pair<array, array> eig(const array& a, StreamOrDevice s = {});
array eigvals(const array& a, StreamOrDevice s = {});

/// The same of a symmetric (Hermitian) matrix, of which the triangle `UPLO`
/// is read ("L", lower, unless it is "U"): real values, ascending, and orthonormal columns.
/// Dtypes: also complex64, whose values are float32. The gradient is that of a symmetric matrix.
array eigvalsh(const array& a, std::string UPLO = "L", StreamOrDevice s = {});
std::pair<array, array> eigh(const array& a, std::string UPLO = "L", StreamOrDevice s = {});

/// The determinant. Dtypes: all real; integers become float32.
array det(const array& a, StreamOrDevice s = {});
/// Its sign and the logarithm of its size: {0, -inf} of a singular matrix.
std::pair<array, array> slogdet(const array& a, StreamOrDevice s = {});

}  // namespace mlx::core::linalg
