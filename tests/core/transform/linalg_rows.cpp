#include "core/transform/derivative_rows.h"
#include "mlx/core/einsum.h"
#include "mlx/core/linalg.h"

namespace mlx::core {
namespace {

using One = std::function<array(const array&)>;

array unit(const array& x, double factor) {
  const int n = static_cast<int>(x.shape(-1));
  return multiply(eye(n, float64), array(factor, float64));
}
// With well separated eigenvalues.
array symmetric(const array& x) {
  const int n = static_cast<int>(x.shape(-1));
  const array half = multiply(add(x, swapaxes(x, -1, -2)), array(0.25, float64));
  return add(half, multiply(eye(n, float64), arange(2.0, 2.0 + 2 * n, 2.0, float64)));
}
array regular(const array& x) { return add(x, unit(x, 3)); }

DerivativeRow of(const char* name, Shape shape, const One& f) {
  return {name, {spread(std::move(shape), -1, 1)}, [f](const Arrays& x) { return f(x[0]); }};
}

// Signs of vectors are LAPACK's choice: what does not depend on them.
array weighted_projections(const array& v, const array& w) {
  return matmul(multiply(v, expand_dims(square(w), -2)), swapaxes(v, -1, -2));
}

DerivativeRows decomposition_rows() {
  const auto svd_parts = [](const array& x) {
    const auto usv = linalg::svd(x);
    const int m = static_cast<int>(x.shape(-2)), n = static_cast<int>(x.shape(-1));
    const int k = std::min(m, n);
    const array ranks = arange(1.0, 1.0 + k, 1.0, float64);
    const array u = matmul(usv[0], eye(m, k, 0, float64)),
                vt = matmul(eye(k, n, 0, float64), usv[2]);
    return weigh({matmul(multiply(u, ranks), vt), weighted_projections(u, ranks),
                  weighted_projections(swapaxes(vt, -1, -2), ranks), usv[1]});
  };
  const auto stretched = [](const array& x) {
    const int m = static_cast<int>(x.shape(-2)), n = static_cast<int>(x.shape(-1));
    return add(x, multiply(eye(m, n, 0, float64), arange(3.0, 3.0 + 2 * n, 2.0, float64)));
  };
  return {
      of("SvdOfSquare", {3, 3}, [=](const array& x) { return svd_parts(stretched(x)); }),
      of("SvdOfTall", {4, 2}, [=](const array& x) { return svd_parts(stretched(x)); }),
      of("SvdOfWide", {2, 4}, [=](const array& x) { return svd_parts(stretched(x)); }),
      of("SvdValues", {2, 3, 2},
         [=](const array& x) { return linalg::svd(stretched(x), false, {})[0]; }),
      of("Eigh", {3, 3},
         [](const array& x) {
           const auto [w, v] = linalg::eigh(symmetric(x));
           return weigh({w, weighted_projections(v, arange(1.0, 4.0, 1.0, float64))});
         }),
      of("EighOfUpper", {3, 3},
         [](const array& x) {
           const auto [w, v] = linalg::eigh(symmetric(x), "U");
           return weigh({w, weighted_projections(v, w)});
         }),
      of("Eigvalsh", {2, 3, 3}, [](const array& x) { return linalg::eigvalsh(symmetric(x)); }),
      of("QrOfSquare", {3, 3},
         [](const array& x) {
           const auto [q, r] = linalg::qr(regular(x));
           return weigh({q, r});
         }),
      of("QrOfTall", {2, 4, 2},
         [](const array& x) {
           const auto [q, r] = linalg::qr(x);
           return weigh({q, r});
         }),
      of("QrOfWide", {2, 4},
         [](const array& x) {
           const auto [q, r] = linalg::qr(x);
           return weigh({q, r});
         }),
  };
}

DerivativeRows factor_rows() {
  return {
      of("Inv", {2, 3, 3}, [](const array& x) { return linalg::inv(regular(x)); }),
      of("TriInv", {3, 3}, [](const array& x) { return linalg::tri_inv(regular(x)); }),
      of("TriInvUpper", {3, 3}, [](const array& x) { return linalg::tri_inv(regular(x), true); }),
      of("Cholesky", {3, 3}, [](const array& x) { return linalg::cholesky(symmetric(x)); }),
      of("CholeskyUpper", {2, 2, 2},
         [](const array& x) { return linalg::cholesky(symmetric(x), true); }),
      of("CholeskyInv", {3, 3}, [](const array& x) { return linalg::cholesky_inv(regular(x)); }),
      of("PinvOfTall", {4, 2}, [](const array& x) { return linalg::pinv(x); }),
      of("PinvOfWide", {2, 3}, [](const array& x) { return linalg::pinv(x); }),
      of("LuFactor", {2, 3, 3}, [](const array& x) { return linalg::lu_factor(regular(x)).first; }),
      of("LuFactorOfWide", {2, 4}, [](const array& x) { return linalg::lu_factor(x).first; }),
      of("LuFactorOfTall", {2, 4, 2}, [](const array& x) { return linalg::lu_factor(x).first; }),
      of("Lu", {3, 3},
         [](const array& x) {
           const auto plu = linalg::lu(x);
           return weigh({plu[1], plu[2]});
         }),
      of("Det", {2, 3, 3}, [](const array& x) { return linalg::det(regular(x)); }),
      of("Slogdet", {3, 3}, [](const array& x) { return linalg::slogdet(x).second; }),
      {"Solve",
       {spread({3, 3}, -1, 1), spread({3, 2}, -1, 1, 1)},
       [](const Arrays& x) { return linalg::solve(regular(x[0]), x[1]); }},
      {"SolveBroadcastVector",
       {spread({3, 3}, -1, 1), spread({3}, -1, 1, 1)},
       [](const Arrays& x) { return linalg::solve(regular(x[0]), x[1]); }},
      {"SolveTriangular",
       {spread({3, 3}, -1, 1), spread({2, 3, 2}, -1, 1, 1)},
       [](const Arrays& x) { return linalg::solve_triangular(regular(x[0]), x[1]); }},
      {"SolveTriangularUpper",
       {spread({3, 3}, -1, 1), spread({3, 1}, -1, 1, 1)},
       [](const Arrays& x) { return linalg::solve_triangular(regular(x[0]), x[1], true); }},
      {"Cross",
       {spread({2, 3}, -1, 1), spread({2, 2}, -1, 1, 1)},
       [](const Arrays& x) { return linalg::cross(x[0], x[1]); }},
  };
}

DerivativeRows matrix_norm_rows() {
  return {
      {"Einsum",
       {spread({2, 3}, -1, 1), spread({3, 4, 2}, -1, 1, 1), spread({4}, -1, 1, 2)},
       [](const Arrays& x) { return einsum("ab,bca,c->ab", x); }},
      of("EinsumDiagonal", {3, 2, 3}, [](const array& x) { return einsum("iji->j", {x}); }),
      of("Norm", {2, 3}, [](const array& x) { return linalg::norm(x, 1); }),
      of("NormOfOrder3", {2, 3}, [](const array& x) { return linalg::norm(x, 3.0, 1); }),
      of("NormSpectral", {3, 2}, [](const array& x) { return linalg::norm(x, 2.0); }),
      of("NormNuclear", {3, 2}, [](const array& x) { return linalg::norm(x, "nuc"); }),
      of("NormFrobenius", {2, 3, 2},
         [](const array& x) {
           return linalg::norm(x, "fro", std::vector<int>{0, 2});
         }),
  };
}

}  // namespace

DerivativeRows linalg_rows() {
  DerivativeRows rows = decomposition_rows();
  for (const DerivativeRows& more : {factor_rows(), matrix_norm_rows()}) {
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return rows;
}

}  // namespace mlx::core
