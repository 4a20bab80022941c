// linalg.h: checks, and what is composed of other operations.

#include "mlx/core/linalg.h"

#include <algorithm>
#include <string_view>

#include "mlx/core/base/error.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/linalg_matrices.h"
#include "mlx/core/ops/linalg_ops.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/ops/sort.h"

namespace mlx::core::linalg {
namespace {

void check_matrix(const array& a, std::string_view op) {
  require(a.ndim() >= 2, "[linalg::", op, "] Not a matrix: got an array of ", a.ndim(),
          " axes, expected at least 2.");
}

void check_square(const array& a, std::string_view op) {
  check_matrix(a, op);
  require(a.shape(-1) == a.shape(-2), "[linalg::", op, "] Matrix is not square: got shape ",
          a.shape(), ".");
}

void check_real(Dtype dtype, std::string_view op) {
  require(dtype == float32 || dtype == float64, "[linalg::", op, "] Dtype: got ", dtype,
          ", expected float32 or float64.");
}

void check_real_or_complex(Dtype dtype, std::string_view op) {
  require(dtype == float32 || dtype == float64 || dtype == complex64, "[linalg::", op,
          "] Dtype: got ", dtype, ", expected float32, float64 or complex64.");
}

array of_square(const Op& op, const array& a, Attrs attrs, std::string_view name,
                StreamOrDevice s) {
  check_square(a, name);
  check_real(a.dtype(), name);
  return make_node(op, {a}, std::move(attrs), to_stream(std::move(s)));
}

Shape without_last(const Shape& shape, size_t axes) {
  return Shape(shape.begin(), shape.end() - static_cast<std::ptrdiff_t>(axes));
}

// Both in the dtype of the result, with the same batches.
array solve_by(const Op& op, const array& a, const array& b, Attrs attrs, std::string_view name,
               StreamOrDevice s) {
  const Stream stream = to_stream(std::move(s));
  check_square(a, name);
  require(b.ndim() >= 1, "[linalg::", name,
          "] Right side: got a scalar, expected at least one axis.");
  const Dtype dtype = promote_types(a.dtype(), b.dtype());
  check_real(dtype, name);
  const bool vector = b.ndim() == 1;
  const array right = vector ? expand_dims(b, -1, stream) : b;
  require(right.shape(-2) == a.shape(-1), "[linalg::", name,
          "] Sizes do not fit: got matrices of shape ", a.shape(), " and a right side of shape ",
          b.shape(), ".");
  const Shape batch = broadcast_shapes(without_last(a.shape(), 2), without_last(right.shape(), 2));
  const auto with_batch = [&](const array& x) {
    Shape shape = batch;
    shape.insert(shape.end(), x.shape().end() - 2, x.shape().end());
    return broadcast_to(astype(x, dtype, stream), shape, stream);
  };
  const array x = make_node(op, {with_batch(a), with_batch(right)}, std::move(attrs), stream);
  return vector ? squeeze(x, -1, stream) : x;
}

Arrays lu_nodes(const array& a, std::string_view name, Stream s) {
  check_matrix(a, name);
  check_real(a.dtype(), name);
  return make_nodes(kLu, {a}, Attrs(), s);
}

// A dtype that LAPACK computes in.
array for_determinant(const array& a, std::string_view name, Stream s) {
  check_square(a, name);
  require(a.dtype() != complex64, "[linalg::", name,
          "] Dtype: got complex64, expected a real one.");
  return a.dtype() == float64 ? a : astype(a, float32, s);
}

Dtype determinant_dtype(Dtype dtype) { return issubdtype(dtype, inexact) ? dtype : float32; }

std::vector<array> eigh_nodes(const array& a, const std::string& uplo, bool vectors,
                              std::string_view name, StreamOrDevice s) {
  check_square(a, name);
  check_real_or_complex(a.dtype(), name);
  return make_nodes(kEigh, {a}, Attrs(EighAttrs{uplo == "U", vectors}), to_stream(std::move(s)));
}

std::vector<array> eig_nodes(const array& a, bool vectors, std::string_view name,
                             StreamOrDevice s) {
  check_square(a, name);
  check_real_or_complex(a.dtype(), name);
  return make_nodes(kEig, {a}, Attrs(VectorsAttrs{vectors}), to_stream(std::move(s)));
}

}  // namespace

std::pair<array, array> qr(const array& a, StreamOrDevice s) {
  check_matrix(a, "qr");
  check_real(a.dtype(), "qr");
  const Arrays out = make_nodes(kQr, {a}, Attrs(), to_stream(std::move(s)));
  return {out[0], out[1]};
}

std::vector<array> svd(const array& a, bool compute_uv, StreamOrDevice s) {
  check_matrix(a, "svd");
  check_real_or_complex(a.dtype(), "svd");
  return make_nodes(kSvd, {a}, Attrs(VectorsAttrs{compute_uv}), to_stream(std::move(s)));
}
std::vector<array> svd(const array& a, StreamOrDevice s) { return svd(a, true, std::move(s)); }

array inv(const array& a, StreamOrDevice s) {
  return of_square(kInverse, a, Attrs(), "inv", std::move(s));
}

array tri_inv(const array& a, bool upper, StreamOrDevice s) {
  return of_square(kTriangularInverse, a, Attrs(TriangleAttrs{upper}), "tri_inv", std::move(s));
}

array cholesky(const array& a, bool upper, StreamOrDevice s) {
  return of_square(kCholesky, a, Attrs(TriangleAttrs{upper}), "cholesky", std::move(s));
}

array pinv(const array& a, StreamOrDevice s) {
  check_matrix(a, "pinv");
  check_real(a.dtype(), "pinv");
  return make_node(kPseudoInverse, {a}, Attrs(), to_stream(std::move(s)));
}

array cholesky_inv(const array& a, bool upper, StreamOrDevice s) {
  const Stream stream = to_stream(std::move(s));
  const array inverse =
      of_square(kTriangularInverse, a, Attrs(TriangleAttrs{upper}), "cholesky_inv", stream);
  const array other = transposed(inverse, stream);
  return upper ? matmul(inverse, other, stream) : matmul(other, inverse, stream);
}

std::vector<array> lu(const array& a, StreamOrDevice s) {
  const Stream stream = to_stream(std::move(s));
  const Arrays factors = lu_nodes(a, "lu", stream);
  const ShapeElem m = a.shape(-2), n = a.shape(-1), k = std::min(m, n);
  const array below = tril(resized(factors[0], {m, k}, stream), -1, stream);
  const array l =
      add(below, eye(static_cast<int>(m), static_cast<int>(k), 0, a.dtype(), stream), stream);
  const array u = triu(resized(factors[0], {k, n}, stream), 0, stream);
  // Row i of the factors is row rows[i] of a: the other way round.
  return {astype(argsort(factors[2], -1, stream), uint32, stream), l, u};
}

std::pair<array, array> lu_factor(const array& a, StreamOrDevice s) {
  const Arrays factors = lu_nodes(a, "lu_factor", to_stream(std::move(s)));
  return {factors[0], factors[1]};
}

array solve(const array& a, const array& b, StreamOrDevice s) {
  return solve_by(kSolve, a, b, Attrs(), "solve", std::move(s));
}
array solve_triangular(const array& a, const array& b, bool upper, StreamOrDevice s) {
  return solve_by(kSolveTriangular, a, b, Attrs(TriangleAttrs{upper}), "solve_triangular",
                  std::move(s));
}

array cross(const array& a, const array& b, int axis, StreamOrDevice s) {
  const Stream stream = to_stream(std::move(s));
  const int rank = static_cast<int>(std::max(a.ndim(), b.ndim()));
  const int at = normalize_axis_index(axis, rank, "[linalg::cross] ");
  const auto elements = [&](const array& x) {
    const int own = at - (rank - static_cast<int>(x.ndim()));
    require(own >= 0, "[linalg::cross] Axis ", axis, ": an array of shape ", x.shape(),
            " has none.");
    const ShapeElem size = x.shape(own);
    require(size == 2 || size == 3, "[linalg::cross] Size of axis ", axis, ": got ", size,
            ", expected 2 or 3.");
    std::vector<array> out;
    for (int i = 0; i < size; ++i) out.push_back(take(x, i, own, stream));
    if (size == 2) out.push_back(zeros_like(out[0], stream));
    return out;
  };
  const auto x = elements(a), y = elements(b);
  std::vector<array> out;
  for (size_t i = 0; i < 3; ++i) {
    const size_t j = (i + 1) % 3, k = (i + 2) % 3;
    out.push_back(subtract(multiply(x[j], y[k], stream), multiply(x[k], y[j], stream), stream));
  }
  return stack(out, at, stream);
}

std::pair<array, array> eig(const array& a, StreamOrDevice s) {
  const Arrays out = eig_nodes(a, true, "eig", std::move(s));
  return {out[0], out[1]};
}
array eigvals(const array& a, StreamOrDevice s) {
  return eig_nodes(a, false, "eigvals", std::move(s))[0];
}

array eigvalsh(const array& a, std::string UPLO, StreamOrDevice s) {
  return eigh_nodes(a, UPLO, false, "eigvalsh", std::move(s))[0];
}
std::pair<array, array> eigh(const array& a, std::string UPLO, StreamOrDevice s) {
  const Arrays out = eigh_nodes(a, UPLO, true, "eigh", std::move(s));
  return {out[0], out[1]};
}

array det(const array& a, StreamOrDevice s) {
  const Stream stream = to_stream(std::move(s));
  const array x = for_determinant(a, "det", stream);
  return astype(make_node(kDeterminant, {x}, Attrs(), stream), determinant_dtype(a.dtype()),
                stream);
}

std::pair<array, array> slogdet(const array& a, StreamOrDevice s) {
  const Stream stream = to_stream(std::move(s));
  const array x = for_determinant(a, "slogdet", stream);
  const Arrays factors = make_nodes(kLu, {x}, Attrs(), stream);
  const array diagonal_of_u = diagonal(factors[0], 0, -2, -1, stream);
  const int n = static_cast<int>(x.shape(-1));
  const array exchanged = not_equal(factors[1], arange(0, n, 1, uint32, stream), stream);
  const array swaps =
      remainder(sum(astype(exchanged, int32, stream), -1, false, stream), array(2), stream);
  const array orientation =
      astype(subtract(array(1), multiply(swaps, array(2), stream), stream), x.dtype(), stream);
  const array sign_of_u = prod(sign(diagonal_of_u, stream), -1, false, stream);
  const array size = sum(log(abs(diagonal_of_u, stream), stream), -1, false, stream);
  const Dtype dtype = determinant_dtype(a.dtype());
  return {astype(multiply(stop_gradient(sign_of_u, stream), orientation, stream), dtype, stream),
          astype(size, dtype, stream)};
}

}  // namespace mlx::core::linalg
