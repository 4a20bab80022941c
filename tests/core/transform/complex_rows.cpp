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
DerivativeRow of_parts(const char* name, const One& f, bool smooth = true,
                       double tolerance = 5e-3) {
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
      of_parts("ComplexMultiply", [](const array& z) { return z * factors() * z; }),
      of_parts("ComplexDivide", [](const array& z) { return factors() / z; }),
      of_parts("ComplexPower", [](const array& z) { return power(z, factors()); }),
      of_parts("ComplexRsqrt", [](const array& z) { return rsqrt(z); }),
      of_parts("ComplexLog1p", [](const array& z) { return log1p(z); }),
      of_parts("ComplexTan", [](const array& z) { return tan(z); }),
      of_parts("ComplexCosh", [](const array& z) { return cosh(z); }),
      of_parts("ComplexArcsin", [](const array& z) { return arcsin(z); }),
      of_parts("ComplexArctanh", [](const array& z) { return arctanh(z); }),
      of_parts("ComplexLogaddexp", [](const array& z) { return logaddexp(z, factors()); }),
      of_parts("ComplexAbs", [](const array& z) { return abs(z); }),
      of_parts("ComplexSign", [](const array& z) { return sign(z); }),
      of_parts("ComplexConjugate", [](const array& z) { return conjugate(z) * z; }),
      of_parts("ComplexWhere",
               [](const array& z) {
                 return where(array({true, false}), z, z * factors());
               }),
      of_parts("ComplexViewedAsParts", [](const array& z) { return square(view(z, float32)); }),
      of_parts("PartsViewedAsComplex",
               [](const array& z) { return square(view(exp(view(z, float32)), complex64)); }),
  };
}

DerivativeRows sums_and_products() {
  return {
      of_parts("ComplexSum", [](const array& z) { return sum(z, 0, true) * z; }),
      of_parts("ComplexCumsum", [](const array& z) { return cumsum(z, 1) * z; }),
      of_parts("ComplexLogsumexp", [](const array& z) { return logsumexp(z, 0); }),
      of_parts("ComplexSoftmax", [](const array& z) { return softmax(z, 1); }),
      of_parts("ComplexVar", [](const array& z) { return var(z, 0); }),
      of_parts("ComplexMatmul", [](const array& z) { return matmul(matmul(z, factors()), z); }),
      of_parts("ComplexKron", [](const array& z) { return kron(z, z); }),
      of_parts("ComplexVecdot", [](const array& z) { return vecdot(z, factors()); }),
      of_parts("ComplexFft", [](const array& z) { return fft::fft(square(z)); }),
      of_parts("ComplexTake",
               [](const array& z) {
                 return take(z, array({1, 0, 1}), 0);
               }),
      of_parts("ComplexSort", [](const array& z) { return sort(z, 0) * factors(); }),
      of_parts("ComplexNorm", [](const array& z) { return linalg::norm(z, 2.0, 1); }),
  };
}

// What does not depend on the phases of vectors.
DerivativeRows decompositions() {
  const auto projections = [](const array& v, const array& weights) {
    return matmul(v * astype(weights, complex64), conjugate(transpose(v)));
  };
  const array weights({1.0f, 2.0f});
  return {
      of_parts("ComplexSvdValues", [](const array& z) { return linalg::svd(z, false, {})[0]; }),
      of_parts("ComplexSvd",
               [=](const array& z) {
                 const auto usv = linalg::svd(z);
                 return matmul(usv[0] * astype(weights, complex64), usv[2]) +
                        projections(usv[0], usv[1]);
               }),
      of_parts("ComplexSvdOfWide",
               [=](const array& z) {
                 const auto usv = linalg::svd(concatenate({z, z * factors()}, 1));
                 const array right = slice(conjugate(transpose(usv[2])), {0, 0}, {4, 2});
                 return projections(right, weights);
               }),
      of_parts("ComplexEigvalsh", [](const array& z) { return linalg::eigvalsh(hermitian(z)); }),
      of_parts("ComplexEigh",
               [=](const array& z) {
                 const auto [w, v] = linalg::eigh(hermitian(z));
                 return projections(v, w * w);
               }),
      of_parts(
          "ComplexEigvals", [](const array& z) { return square(linalg::eigvals(z)); }, true, 2e-2),
      of_parts(
          "ComplexEig",
          [=](const array& z) {
            const auto [w, v] = linalg::eig(z);
            return projections(v, weights) + w;
          },
          true, 2e-2),
      of_parts(
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
