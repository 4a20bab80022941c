#include "core/transform/derivative_rows.h"

namespace mlx::core {
namespace {

using Unary = array (*)(const array&, StreamOrDevice);
using Binary = array (*)(const array&, const array&, StreamOrDevice);

DerivativeRow unary(const char* name, Unary op, double low, double high, bool smooth = true) {
  return {name, {spread({5}, low, high)}, [op](const Arrays& x) { return op(x[0], {}); }, smooth};
}

// Broadcast both ways, so that cotangents are summed back.
DerivativeRow binary(const char* name, Binary op, double low, double high, bool smooth = true) {
  return {name,
          {spread({3, 1}, low, high), spread({2}, low, high, 1)},
          [op](const Arrays& x) { return op(x[0], x[1], {}); },
          smooth};
}

// The rule for complex numbers: a real function of real numbers that passes
// through the plane. complex64 has single precision.
DerivativeRow plane(const char* name, Unary op, const std::complex<float>& center) {
  const auto fun = [op, center](const Arrays& x) {
    const array i(std::complex<float>(0, 1));
    const array z = astype(x[0], complex64) + astype(x[1], complex64) * i + array(center);
    const array w = op(z, {});
    return astype(real(w), float64) + astype(imag(w), float64) * 0.7;
  };
  return {name, {spread({3}, -0.3, 0.3), spread({3}, -0.3, 0.3, 1)}, fun, false, 1e-2, 5e-3};
}

DerivativeRows rows_of_one_argument() {
  return {
      unary("Abs", abs, 0.2, 2, false),
      unary("Negative", negative, -1, 1),
      unary("Positive", positive, -1, 1),
      unary("Sign", sign, 0.2, 2, false),
      unary("Square", square, -1, 1),
      unary("Reciprocal", reciprocal, 0.5, 2),
      unary("Sqrt", sqrt, 0.5, 2),
      unary("Rsqrt", rsqrt, 0.5, 2),
      unary("Exp", exp, -1, 1),
      unary("Expm1", expm1, -1, 1),
      unary("Log", log, 0.5, 2),
      unary("Log2", log2, 0.5, 2),
      unary("Log10", log10, 0.5, 2),
      unary("Log1p", log1p, -0.5, 2),
      unary("Sin", sin, -2, 2),
      unary("Cos", cos, -2, 2),
      unary("Tan", tan, -1, 1),
      unary("Arcsin", arcsin, -0.8, 0.8),
      unary("Arccos", arccos, -0.8, 0.8),
      unary("Arctan", arctan, -2, 2),
      unary("Sinh", sinh, -1, 1),
      unary("Cosh", cosh, -1, 1),
      unary("Tanh", tanh, -1, 1),
      unary("Arcsinh", arcsinh, -2, 2),
      unary("Arccosh", arccosh, 1.5, 3),
      unary("Arctanh", arctanh, -0.7, 0.7),
      unary("Sigmoid", sigmoid, -2, 2),
      unary("Erf", erf, -1.5, 1.5),
      unary("Erfinv", erfinv, -0.7, 0.7),
      unary("Floor", floor, 0.1, 0.9, false),
      unary("Ceil", ceil, 0.1, 0.9, false),
      unary("Trunc", trunc, 0.1, 0.9, false),
      unary("Degrees", degrees, -1, 1),
      unary("Radians", radians, -1, 1),
      unary("Conjugate", conjugate, -1, 1),
      unary("Real", real, -1, 1),
      {"Round", {spread({5}, 0.1, 0.4)}, [](const Arrays& x) { return round(x[0]); }, false},
      {"RoundDecimals",
       {spread({5}, 0.11, 0.14)},
       [](const Arrays& x) { return round(x[0], 1); },
       false},
      {"AsType",
       {spread({5}, -1, 1)},
       [](const Arrays& x) { return astype(astype(x[0], float32), float64); },
       false,
       1e-2,
       1e-4},
      {"StopGradient",
       {spread({5}, -1, 1)},
       [](const Arrays& x) { return x[0] + stop_gradient(floor(x[0])); }},
      {"NanToNum",
       {spread({5}, -1, 1)},
       [](const Arrays& x) { return astype(nan_to_num(astype(x[0], float32)), float64); },
       false,
       1e-2,
       1e-4},
      {"Clip",
       {spread({6}, -2, 2), array(-1.01, float64), spread({6}, 1, 1.2, 3)},
       [](const Arrays& x) { return clip(x[0], x[1], x[2]); },
       false},
      {"SharedArgument",
       {spread({4}, 0.5, 2)},
       [](const Arrays& x) { return x[0] * exp(x[0]) / (x[0] + x[0]); }},
  };
}

DerivativeRows rows_of_two_arguments() {
  return {
      binary("Add", add, -1, 1),
      binary("Subtract", subtract, -1, 1),
      binary("Multiply", multiply, -1, 1),
      binary("Divide", divide, 0.5, 2),
      binary("FloorDivide", floor_divide, 1.1, 1.6, false),
      binary("Remainder", remainder, 1.1, 1.6, false),
      binary("Power", power, 0.5, 2),
      binary("Maximum", maximum, -1, 1, false),
      binary("Minimum", minimum, -1, 1, false),
      binary("Arctan2", arctan2, 0.5, 2),
      binary("Logaddexp", logaddexp, -1, 1),
      {"PowerOfNegativeBase",
       {spread({4}, -2, -0.5)},
       [](const Arrays& x) { return power(x[0], array(3.0, float64)); }},
      {"PowerAtZero",
       {array({0.0, 1.0}, float64)},
       [](const Arrays& x) {
         return power(x[0], array({2.0, 0.0}, float64));
       }},
      {"Divmod",
       {spread({3, 1}, 1.1, 1.6), spread({2}, 1.1, 1.6, 1)},
       [](const Arrays& x) { return weigh(divmod(x[0], x[1])); },
       false},
      {"Where",
       {spread({3, 2}, -1, 1), spread({2}, 0.5, 2), array(0.3, float64)},
       [](const Arrays& x) { return where(x[0] > array(0.1, float64), exp(x[1]), square(x[2])); },
       false},
      {"WhereWithBroadcastCondition",
       {spread({3, 2}, -1, 1), spread({3, 2}, 0.5, 2)},
       [](const Arrays& x) {
         return where(array({true, false}), exp(x[0]), square(x[1]));
       }},
  };
}

DerivativeRows complex_rows() {
  return {
      plane("PlaneAbs", abs, {1, 1}),
      plane("PlaneSquare", square, {1, 1}),
      plane("PlaneReciprocal", reciprocal, {1, 1}),
      plane("PlaneSqrt", sqrt, {1, 1}),
      plane("PlaneExp", exp, {0, 0}),
      plane("PlaneLog", log, {1, 1}),
      plane("PlaneSin", sin, {0, 0}),
      plane("PlaneCos", cos, {0, 0}),
      plane("PlaneTanh", tanh, {0, 0}),
      plane("PlaneConjugate", conjugate, {1, 1}),
      plane("PlaneNegative", negative, {1, 1}),
      {"PlaneProductAndQuotient",
       {spread({3}, 0.5, 1.5), spread({3}, -0.5, 0.5, 1)},
       [](const Arrays& x) {
         const array z = astype(x[0], complex64) + array(std::complex<float>(0, 1));
         const array w = astype(x[1], complex64) + array(std::complex<float>(1, -2));
         return astype(real(z * w / (z + w)), float64) + astype(imag(power(z, w)), float64);
       },
       false,
       1e-2,
       5e-3},
  };
}

}  // namespace

DerivativeRows elementwise_rows() {
  DerivativeRows rows;
  for (const DerivativeRows& part :
       {rows_of_one_argument(), rows_of_two_arguments(), complex_rows()}) {
    rows.insert(rows.end(), part.begin(), part.end());
  }
  return rows;
}

}  // namespace mlx::core
