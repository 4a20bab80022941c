// Derivatives of functions of complex numbers, as functions of their parts.

#include "core/transform/derivative_rows.h"
#include "mlx/core/fft.h"
#include "mlx/core/linalg.h"

namespace mlx::core {
namespace {

using One = std::function<array(const array&)>;

array complex_of(const array& re, const array& im) {
  return add(astype(re, complex64), multiply(astype(im, complex64), array(complex64_t(0, 1))));
}

array parts_of(const array& y) {
  const array parts = y.dtype() == complex64 ? concatenate({real(y), imag(y)}, 0) : y;
  return astype(parts, float64);
}

// In single precision, so that differences need a large step.
DerivativeRow row(const char* name, const One& f, bool smooth = true, double tolerance = 5e-3) {
  return {name,
          {spread({2, 2}, 0.3, 1.2), spread({2, 2}, -0.9, 0.8, 1)},
          [f](const Arrays& x) { return parts_of(f(complex_of(x[0], x[1]))); },
          smooth,
          1e-2,
          tolerance};
}

array factors() {
  return complex_of(spread({2, 2}, -1, 1, 2, float32), spread({2, 2}, 0.5, 2, 3, float32));
}

array hermitian(const array& z) {
  const array half = add(z, conjugate(transpose(z)));
  return add(half, astype(diag(array({1.0f, 4.0f})), complex64));
}

DerivativeRows elementwise() {
  return {
      row("ComplexMultiply", [](const array& z) { return z * factors() * z; }),
      row("ComplexDivide", [](const array& z) { return factors() / z; }),
      row("ComplexPower", [](const array& z) { return power(z, factors()); }),
      row("ComplexRsqrt", [](const array& z) { return rsqrt(z); }),
      row("ComplexLog1p", [](const array& z) { return log1p(z); }),
      row("ComplexTan", [](const array& z) { return tan(z); }),
      row("ComplexCosh", [](const array& z) { return cosh(z); }),
      row("ComplexArcsin", [](const array& z) { return arcsin(z); }),
      row("ComplexArctanh", [](const array& z) { return arctanh(z); }),
      row("ComplexLogaddexp", [](const array& z) { return logaddexp(z, factors()); }),
      row("ComplexAbs", [](const array& z) { return abs(z); }),
      row("ComplexSign", [](const array& z) { return sign(z); }),
      row("ComplexConjugate", [](const array& z) { return conjugate(z) * z; }),
      row("ComplexWhere",
          [](const array& z) {
            return where(array({true, false}), z, z * factors());
          }),
      row("ComplexViewedAsParts", [](const array& z) { return square(view(z, float32)); }),
      row("PartsViewedAsComplex",
          [](const array& z) { return square(view(exp(view(z, float32)), complex64)); }),
  };
}

DerivativeRows sums_and_products() {
  return {
      row("ComplexSum", [](const array& z) { return sum(z, 0, true) * z; }),
      row("ComplexCumsum", [](const array& z) { return cumsum(z, 1) * z; }),
      row("ComplexLogsumexp", [](const array& z) { return logsumexp(z, 0); }),
      row("ComplexSoftmax", [](const array& z) { return softmax(z, 1); }),
      row("ComplexVar", [](const array& z) { return var(z, 0); }),
      row("ComplexMatmul", [](const array& z) { return matmul(matmul(z, factors()), z); }),
      row("ComplexKron", [](const array& z) { return kron(z, z); }),
      row("ComplexVecdot", [](const array& z) { return vecdot(z, factors()); }),
      row("ComplexFft", [](const array& z) { return fft::fft(square(z)); }),
      row("ComplexTake",
          [](const array& z) {
            return take(z, array({1, 0, 1}), 0);
          }),
      row("ComplexSort", [](const array& z) { return sort(z, 0) * factors(); }),
      row("ComplexNorm", [](const array& z) { return linalg::norm(z, 2.0, 1); }),
  };
}

// What does not depend on the phases of vectors.
DerivativeRows decompositions() {
  const auto projections = [](const array& v, const array& weights) {
    return matmul(v * astype(weights, complex64), conjugate(transpose(v)));
  };
  const array weights({1.0f, 2.0f});
  return {
      row("ComplexSvdValues", [](const array& z) { return linalg::svd(z, false, {})[0]; }),
      row("ComplexSvd",
          [=](const array& z) {
            const auto usv = linalg::svd(z);
            return matmul(usv[0] * astype(weights, complex64), usv[2]) +
                   projections(usv[0], usv[1]);
          }),
      row("ComplexSvdOfWide",
          [=](const array& z) {
            const auto usv = linalg::svd(concatenate({z, z * factors()}, 1));
            const array right = slice(conjugate(transpose(usv[2])), {0, 0}, {4, 2});
            return projections(right, weights);
          }),
      row("ComplexEigvalsh", [](const array& z) { return linalg::eigvalsh(hermitian(z)); }),
      row("ComplexEigh",
          [=](const array& z) {
            const auto [w, v] = linalg::eigh(hermitian(z));
            return projections(v, w * w);
          }),
      row(
          "ComplexEigvals", [](const array& z) { return square(linalg::eigvals(z)); }, true, 2e-2),
      row(
          "ComplexEig",
          [=](const array& z) {
            const auto [w, v] = linalg::eig(z);
            return projections(v, weights) + w;
          },
          true, 2e-2),
      row(
          "EigOfReal",
          [=](const array& z) {
            const array turning({0.0f, 3.0f, -2.0f, 0.5f}, {2, 2});
            const auto [w, v] = linalg::eig(real(z) + turning);
            return projections(v, weights) + w;
          },
          true, 2e-2),
  };
}

}  // namespace

DerivativeRows complex_plane_rows() {
  DerivativeRows rows = elementwise();
  for (const DerivativeRows& more : {sums_and_products(), decompositions()}) {
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return rows;
}

}  // namespace mlx::core
