// The values of every row of elementwise.def, for every dtype, against the C++
// library in higher precision.

#include "mlx/core/ops/elementwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <set>

#include "core/elements.h"
#include "mlx/core/ops/elementwise_ops.h"

using namespace mlx::core;
using namespace mlx::test;

namespace {

using Real = long double;
using Complex = std::complex<double>;

bool is_integer(Dtype d) { return d == bool_ || issubdtype(d, integer); }
double at_most(Dtype d) {
  return is_integer(d) ? (d == bool_ ? 1 : static_cast<double>(iinfo(d).max)) : kInf;
}

// Values of the dtype, none of them rounded.
std::vector<double> exact(std::vector<double> wanted, Dtype dtype) {
  return values(make(wanted, dtype));
}

// A few units in the last place of the result; half types are computed in float32.
bool close(double got, Real expected, Dtype dtype, double units) {
  if (std::isnan(got) || std::isnan(expected)) {
    return std::isnan(got) && std::isnan(expected);
  }
  const auto wanted = static_cast<double>(expected);
  if (got == wanted || (std::abs(wanted) > at_most(dtype))) {
    return true;
  }
  if (!is_integer(dtype) && std::abs(wanted) > finfo(dtype).max) {
    return std::isinf(got) && (got > 0) == (wanted > 0);
  }
  const double tiny = is_integer(dtype) ? 0 : finfo(dtype).smallest_normal;
  return std::abs(got - wanted) <= units * epsilon(dtype) * std::abs(wanted) + tiny;
}

struct UnaryCase {
  Opcode opcode;
  Real (*expected)(Real);
  std::vector<double> inputs;
  double units = 3;
};

Real sign_of(Real x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
Real erfinv_of(Real x) {
  if (x == 0 || std::abs(x) >= 1) {
    return x == 0 ? 0 : x * kInf;
  }
  Real low = 0;
  Real high = 10;
  for (int i = 0; i < 200; ++i) {
    const Real middle = (low + high) / 2;
    // erfc keeps its digits where erf is nearly 1.
    const bool below =
        std::abs(x) < 0.5 ? std::erf(middle) < std::abs(x) : std::erfc(middle) > 1 - std::abs(x);
    (below ? low : high) = middle;
  }
  return std::copysign((low + high) / 2, x);
}

const std::vector<double> kAnywhere = {-700.5, -88, -3.75, -1, -0.625, -1e-3, -0.0, 0,
                                       1e-3,   0.5, 1,     2,  3.1415, 20,    88,   127};
const std::vector<double> kPositive = {1e-6, 0.01, 0.5, 0.999, 1, 1.001, 2, 3, 10, 127, 1e4};
const std::vector<double> kUnit = {-1, -0.99, -0.5, -1e-3, 0, 1e-3, 0.25, 0.75, 0.999, 1};

const UnaryCase kUnary[] = {
    {Opcode::abs, std::abs, kAnywhere, 0},
    {Opcode::negative, [](Real x) { return -x; }, kAnywhere, 0},
    {Opcode::sign, sign_of, kAnywhere, 0},
    {Opcode::square, [](Real x) { return x * x; }, {-11, -3.5, 0, 0.25, 7, 11}, 1},
    {Opcode::reciprocal, [](Real x) { return 1 / x; }, kPositive},
    {Opcode::sqrt, std::sqrt, kPositive},
    {Opcode::rsqrt, [](Real x) { return 1 / std::sqrt(x); }, kPositive},
    {Opcode::exp, std::exp, kAnywhere},
    {Opcode::expm1, std::expm1, kAnywhere},
    {Opcode::log, std::log, kPositive},
    {Opcode::log2, std::log2, kPositive},
    {Opcode::log10, std::log10, kPositive},
    {Opcode::log1p, std::log1p, {-0.999, -0.5, -1e-4, 0, 1e-4, 0.5, 1, 100}},
    {Opcode::sin, std::sin, kAnywhere},
    {Opcode::cos, std::cos, kAnywhere},
    {Opcode::tan, std::tan, {-1.5, -0.5, 0, 1e-3, 0.5, 1, 1.5, 4}},
    {Opcode::arcsin, std::asin, kUnit},
    {Opcode::arccos, std::acos, kUnit},
    {Opcode::arctan, std::atan, kAnywhere},
    {Opcode::sinh, std::sinh, kAnywhere},
    {Opcode::cosh, std::cosh, kAnywhere},
    {Opcode::tanh, std::tanh, kAnywhere},
    {Opcode::arcsinh, std::asinh, kAnywhere},
    {Opcode::arccosh, std::acosh, {1, 1.5, 2, 10, 127}},
    {Opcode::arctanh, std::atanh, {-0.99, -0.5, -1e-3, 0, 0.25, 0.75}},
    {Opcode::sigmoid, [](Real x) { return 1 / (1 + std::exp(-x)); }, {-80, -3, -1, 0, 0.5, 1, 20}},
    {Opcode::erf, std::erf, kAnywhere},
    {Opcode::erfinv, erfinv_of, {-0.9999, -0.99, -0.5, -1e-3, 0, 0.25, 0.75, 0.999, 1}, 4},
    {Opcode::floor, std::floor, kAnywhere, 0},
    {Opcode::ceil, std::ceil, kAnywhere, 0},
    {Opcode::trunc, std::trunc, kAnywhere, 0},
    {Opcode::round, std::rint, {-2.5, -1.5, -0.5, 0, 0.5, 1.5, 2.5, 3.7}, 0},
    {Opcode::conjugate, [](Real x) { return x; }, kAnywhere, 0},
    {Opcode::real, [](Real x) { return x; }, kAnywhere, 0},
    {Opcode::isnan, [](Real x) -> Real { return std::isnan(x); }, {0, 1, kInf, -kInf, kNan}, 0},
    {Opcode::isinf, [](Real x) -> Real { return std::isinf(x); }, {0, 1, kInf, -kInf, kNan}, 0},
    {Opcode::isfinite, [](Real x) -> Real { return std::isfinite(x); }, {0, kInf, -kInf, kNan}, 0},
    {Opcode::isposinf, [](Real x) -> Real { return x == kInf; }, {0, kInf, -kInf, kNan}, 0},
    {Opcode::isneginf, [](Real x) -> Real { return x == -kInf; }, {0, kInf, -kInf, kNan}, 0},
    {Opcode::logical_not, [](Real x) -> Real { return x == 0; }, {0, 1, 0.25, -3}, 0},
};

bool takes(Opcode opcode, std::vector<array> inputs) {
  try {
    elementwise_op(opcode).infer(inputs, Attrs());
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

array apply(Opcode opcode, std::vector<array> inputs) {
  return make_node(elementwise_op(opcode), std::move(inputs), {}, to_stream({}));
}

// The finite values that the dtype can hold.
std::vector<double> fitting(const std::vector<double>& wanted, Dtype dtype) {
  std::vector<double> out;
  for (double v : wanted) {
    const bool fits = !is_integer(dtype) || (std::isfinite(v) && std::abs(v) <= at_most(dtype) &&
                                             (v >= 0 || issubdtype(dtype, signedinteger)));
    if (fits) {
      out.push_back(v);
    }
  }
  return out;
}

TEST(Elementwise, UnaryValues) {
  for (const UnaryCase& c : kUnary) {
    for (Dtype dtype : all_dtypes()) {
      const std::vector<double> inputs = exact(fitting(c.inputs, dtype), dtype);
      const array x = make(inputs, dtype);
      if (dtype == complex64 || !takes(c.opcode, {x})) {
        continue;
      }
      const bool is_kept =
          (c.opcode == Opcode::conjugate || c.opcode == Opcode::real ||
           domain_of(c.opcode) == Domain::Round || domain_of(c.opcode) == Domain::RoundReal) &&
          is_integer(dtype);
      const array y = is_kept                         ? x
                      : c.opcode == Opcode::conjugate ? conjugate(x)
                      : c.opcode == Opcode::real      ? real(x)
                                                      : apply(c.opcode, {x});
      const std::vector<double> got = values(y);
      ASSERT_EQ(got.size(), inputs.size());
      for (size_t i = 0; i < got.size(); ++i) {
        Real expected = c.expected(inputs[i]);
        if (issubdtype(y.dtype(), unsignedinteger) && expected < 0) {
          expected += std::ldexp(Real(1), 8 * y.dtype().size());  // wraps
        }
        EXPECT_TRUE(close(got[i], expected, y.dtype(), c.units))
            << elementwise_op(c.opcode).name << "(" << inputs[i] << ") in " << dtype_name(dtype)
            << ": got " << got[i] << ", expected " << static_cast<double>(expected);
      }
    }
  }
}

// Wraps an exact integer to the dtype.
int64_t wrapped(__int128 value, Dtype dtype) {
  if (dtype == bool_) {
    return value != 0;
  }
  const int bits = 8 * dtype.size();
  const auto low = static_cast<uint64_t>(value) << (64 - bits);
  return issubdtype(dtype, unsignedinteger) ? static_cast<int64_t>(low >> (64 - bits))
                                            : static_cast<int64_t>(low) >> (64 - bits);
}

struct BinaryCase {
  Opcode opcode;
  Real (*real)(Real, Real);                    // null: not for floats
  __int128 (*whole)(int64_t, int64_t, Dtype);  // null: as `real`
  double units = 3;
};

Real floored_remainder(Real a, Real b) {
  const Real r = std::fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

__int128 whole_power(int64_t a, int64_t b, Dtype dtype) {
  if (b < 0) {
    return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
  }
  int64_t out = 1;
  for (int64_t i = 0; i < b; ++i) {
    out = wrapped(static_cast<__int128>(out) * a, dtype);
  }
  return out;
}

const BinaryCase kBinary[] = {
    {Opcode::add, [](Real a, Real b) { return a + b; },
     [](int64_t a, int64_t b, Dtype) { return static_cast<__int128>(a) + b; }, 1},
    {Opcode::subtract, [](Real a, Real b) { return a - b; },
     [](int64_t a, int64_t b, Dtype) { return static_cast<__int128>(a) - b; }, 1},
    {Opcode::multiply, [](Real a, Real b) { return a * b; },
     [](int64_t a, int64_t b, Dtype) { return static_cast<__int128>(a) * b; }, 1},
    {Opcode::divide, [](Real a, Real b) { return a / b; }, nullptr, 1},
    {Opcode::floor_divide, [](Real a, Real b) { return std::floor(a / b); },
     [](int64_t a, int64_t b, Dtype) -> __int128 { return b == 0 ? 0 : a / b; }, 1},
    {Opcode::remainder, floored_remainder,
     [](int64_t a, int64_t b, Dtype) -> __int128 {
       return b == 0 ? 0 : (a % b != 0 && (a % b < 0) != (b < 0)) ? a % b + b : a % b;
     },
     1},
    {Opcode::power, std::pow, whole_power},
    {Opcode::maximum, [](Real a, Real b) { return std::isnan(a) || a > b ? a : b; }, nullptr, 0},
    {Opcode::minimum, [](Real a, Real b) { return std::isnan(a) || a < b ? a : b; }, nullptr, 0},
    {Opcode::arctan2, std::atan2, nullptr},
    {Opcode::logaddexp,
     [](Real a, Real b) -> Real {
       const Real high = std::max(a, b);
       if (std::isnan(a) || std::isnan(b)) {
         return kNan;
       }
       return std::isinf(high) ? high : high + std::log1p(std::exp(std::min(a, b) - high));
     },
     nullptr},
    {Opcode::equal, [](Real a, Real b) -> Real { return a == b; }, nullptr, 0},
    {Opcode::not_equal, [](Real a, Real b) -> Real { return a != b; }, nullptr, 0},
    {Opcode::greater, [](Real a, Real b) -> Real { return a > b; }, nullptr, 0},
    {Opcode::greater_equal, [](Real a, Real b) -> Real { return a >= b; }, nullptr, 0},
    {Opcode::less, [](Real a, Real b) -> Real { return a < b; }, nullptr, 0},
    {Opcode::less_equal, [](Real a, Real b) -> Real { return a <= b; }, nullptr, 0},
    {Opcode::logical_and, [](Real a, Real b) -> Real { return a != 0 && b != 0; }, nullptr, 0},
    {Opcode::logical_or, [](Real a, Real b) -> Real { return a != 0 || b != 0; }, nullptr, 0},
    {Opcode::logical_xor, [](Real a, Real b) -> Real { return (a != 0) != (b != 0); }, nullptr, 0},
    {Opcode::bitwise_and, nullptr,
     [](int64_t a, int64_t b, Dtype) { return static_cast<__int128>(a & b); }},
    {Opcode::bitwise_or, nullptr,
     [](int64_t a, int64_t b, Dtype) { return static_cast<__int128>(a | b); }},
    {Opcode::bitwise_xor, nullptr,
     [](int64_t a, int64_t b, Dtype) { return static_cast<__int128>(a ^ b); }},
};

// All pairs of some values that the dtype holds exactly.
std::pair<std::vector<double>, std::vector<double>> pairs(Dtype dtype) {
  std::vector<double> some = {-100, -7, -3, -2, -1, 0, 1, 2, 3, 7, 100};
  if (!is_integer(dtype)) {
    some.insert(some.end(), {-2.5, 0.75, kInf, -kInf, kNan});
  }
  some = exact(fitting(some, dtype), dtype);
  std::pair<std::vector<double>, std::vector<double>> out;
  for (double a : some) {
    for (double b : some) {
      out.first.push_back(a);
      out.second.push_back(b);
    }
  }
  return out;
}

void expect_binary(const BinaryCase& c, Dtype dtype) {
  const auto [a, b] = pairs(dtype);
  const array y = apply(c.opcode, {make(a, dtype), make(b, dtype)});
  const std::vector<double> got = values(y);
  for (size_t i = 0; i < got.size(); ++i) {
    const bool whole = is_integer(dtype) && c.whole != nullptr;
    const Real expected =
        whole ? static_cast<Real>(wrapped(
                    c.whole(static_cast<int64_t>(a[i]), static_cast<int64_t>(b[i]), dtype), dtype))
              : c.real(a[i], b[i]);
    const bool unsigned_long = whole && dtype == uint64 && expected < 0;
    EXPECT_TRUE(close(got[i], unsigned_long ? expected + 0x1p64L : expected, y.dtype(), c.units))
        << elementwise_op(c.opcode).name << "(" << a[i] << ", " << b[i] << ") in "
        << dtype_name(dtype) << ": got " << got[i] << ", expected "
        << static_cast<double>(expected);
  }
}

TEST(Elementwise, BinaryValues) {
  for (const BinaryCase& c : kBinary) {
    for (Dtype dtype : all_dtypes()) {
      const bool is_float = !is_integer(dtype);
      if (dtype != complex64 && !(is_float && c.real == nullptr)) {
        expect_binary(c, dtype);
      }
    }
  }
}

TEST(Elementwise, ShiftsPastTheWidthLeaveTheSign) {
  const std::vector<double> counts = {0, 1, 7, 8, 15, 31, 63, 64, 100};
  for (Dtype dtype : all_dtypes()) {
    if (!issubdtype(dtype, integer)) {
      continue;
    }
    for (double value : fitting({-128, -5, 1, 3, 100}, dtype)) {
      const array a = make(std::vector<double>(counts.size(), value), dtype);
      const std::vector<double> left = values(left_shift(a, make(counts, dtype)));
      const std::vector<double> right = values(right_shift(a, make(counts, dtype)));
      for (size_t i = 0; i < counts.size(); ++i) {
        const auto v = static_cast<int64_t>(value);
        const auto count = static_cast<int>(counts[i]);
        const int width = 8 * dtype.size();
        const auto expected =
            count >= width ? 0 : wrapped(static_cast<__int128>(v) << count, dtype);
        const double wanted = dtype == uint64 ? static_cast<double>(static_cast<uint64_t>(expected))
                                              : static_cast<double>(expected);
        EXPECT_EQ(left[i], wanted) << v << " << " << count << " in " << dtype_name(dtype);
        EXPECT_EQ(right[i], static_cast<double>(v >> std::min(count, 63)))
            << v << " >> " << count << " in " << dtype_name(dtype);
      }
    }
  }
  EXPECT_EQ(values(left_shift(make({1}, int32), make({-1}, int32))), std::vector<double>{0});
  EXPECT_EQ(values(left_shift(make({1}, bool_), make({1}, bool_))), std::vector<double>{2});
}

TEST(Elementwise, BitwiseInvert) {
  for (Dtype dtype : all_dtypes()) {
    if (is_integer(dtype)) {
      const std::vector<double> got = values(bitwise_invert(make({1, 0}, dtype)));
      EXPECT_EQ(got[1], dtype == bool_ ? 1
                                       : static_cast<double>(wrapped(-1, dtype)) +
                                             (dtype == uint64 ? 0x1p64 : 0));
      EXPECT_EQ(values(bitwise_invert(bitwise_invert(make({1, 0}, dtype)))),
                (std::vector<double>{1, 0}));
    }
  }
}

TEST(Elementwise, SmallestIntegerDividedByMinusOneWraps) {
  for (Dtype dtype : {int8, int16, int32, int64}) {
    const array smallest = make({static_cast<double>(iinfo(dtype).min)}, dtype);
    const array minus_one = make({-1}, dtype);
    EXPECT_EQ(values(floor_divide(smallest, minus_one)), values(smallest));
    EXPECT_EQ(values(remainder(smallest, minus_one)), std::vector<double>{0});
    EXPECT_EQ(values(abs(smallest)), values(smallest));
  }
}

TEST(Elementwise, LargeIntegersKeepAllBits) {
  const array a(std::initializer_list<int64_t>{INT64_MAX, INT64_MIN, (int64_t{1} << 53) + 1});
  array sum = a + array(int64_t{1}, int64);
  sum.eval();
  EXPECT_EQ(sum.data<int64_t>()[0], INT64_MIN);
  EXPECT_EQ(sum.data<int64_t>()[1], INT64_MIN + 1);
  EXPECT_EQ(sum.data<int64_t>()[2], (int64_t{1} << 53) + 2);
  EXPECT_EQ(values(a > array(int64_t{1} << 53, int64)), (std::vector<double>{1, 0, 1}));
  const array u(std::initializer_list<uint64_t>{UINT64_MAX, 1});
  EXPECT_EQ(values(u > array(uint64_t{1} << 63, uint64)), (std::vector<double>{1, 0}));
  EXPECT_EQ(values(floor_divide(u, array(uint64_t{2}, uint64))),
            (std::vector<double>{static_cast<double>(INT64_MAX), 0}));
}

// ---- complex64

const std::vector<Complex> kComplex = {{1, 2},      {-0.5, 0.25}, {3, -1}, {0, 1},
                                       {0.1, -0.7}, {-2, -3},     {1, 0},  {-4, 0.5}};

template <typename F>
void expect_complex(const char* name, const array& y, F expected) {
  const std::vector<Complex> got = complex_values(y);
  for (size_t i = 0; i < got.size(); ++i) {
    const Complex wanted = expected(i);
    EXPECT_LE(std::abs(got[i] - wanted), 4e-6 * (1e-1 + std::abs(wanted)))
        << name << " at " << kComplex[i] << ": got " << got[i] << ", expected " << wanted;
  }
}

TEST(Elementwise, ComplexDivisionByInfinityIsZeroAndByZeroInfinite) {
  const double inf = std::numeric_limits<double>::infinity();
  const array by = make_complex({{inf, 1}, {inf, inf}, {-inf, 2}, {0, 0}});
  const std::vector<Complex> got = complex_values(divide(make_complex({{1, 2}}), by));
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(got[i], Complex(0, 0)) << i;
  }
  EXPECT_TRUE(std::isinf(got[3].real()));
}

TEST(Elementwise, ComplexUnaryValues) {
  const struct {
    Opcode opcode;
    Complex (*expected)(Complex);
  } cases[] = {
      {Opcode::abs, [](Complex z) { return Complex(std::abs(z)); }},
      {Opcode::negative, [](Complex z) { return -z; }},
      {Opcode::sign, [](Complex z) { return z / std::abs(z); }},
      {Opcode::square, [](Complex z) { return z * z; }},
      {Opcode::reciprocal, [](Complex z) { return 1.0 / z; }},
      {Opcode::sqrt, [](Complex z) { return std::sqrt(z); }},
      {Opcode::rsqrt, [](Complex z) { return 1.0 / std::sqrt(z); }},
      {Opcode::exp, [](Complex z) { return std::exp(z); }},
      {Opcode::log, [](Complex z) { return std::log(z); }},
      {Opcode::log2, [](Complex z) { return std::log(z) / std::log(2.0); }},
      {Opcode::log10, [](Complex z) { return std::log10(z); }},
      {Opcode::log1p, [](Complex z) { return std::log(1.0 + z); }},
      {Opcode::sin, [](Complex z) { return std::sin(z); }},
      {Opcode::cos, [](Complex z) { return std::cos(z); }},
      {Opcode::tan, [](Complex z) { return std::tan(z); }},
      {Opcode::arcsin, [](Complex z) { return std::asin(z); }},
      {Opcode::arccos, [](Complex z) { return std::acos(z); }},
      {Opcode::sinh, [](Complex z) { return std::sinh(z); }},
      {Opcode::cosh, [](Complex z) { return std::cosh(z); }},
      {Opcode::tanh, [](Complex z) { return std::tanh(z); }},
      {Opcode::arcsinh, [](Complex z) { return std::asinh(z); }},
      {Opcode::arccosh, [](Complex z) { return std::acosh(z); }},
      {Opcode::round, [](Complex z) { return Complex(std::rint(z.real()), std::rint(z.imag())); }},
      {Opcode::conjugate, [](Complex z) { return std::conj(z); }},
      {Opcode::real, [](Complex z) { return Complex(z.real()); }},
      {Opcode::imag, [](Complex z) { return Complex(z.imag()); }},
      {Opcode::isfinite, [](Complex) { return Complex(1); }},
  };
  for (const auto& c : cases) {
    const array y = apply(c.opcode, {make_complex(kComplex)});
    expect_complex(elementwise_op(c.opcode).name.data(), y,
                   [&](size_t i) { return c.expected(kComplex[i]); });
  }
  // Away from their branch points.
  const std::vector<Complex> inner = {{0.2, 0.3}, {-0.5, 0.25}, {0.1, -0.7}};
  const std::vector<Complex> arctan_got = complex_values(arctan(make_complex(inner)));
  const std::vector<Complex> arctanh_got = complex_values(arctanh(make_complex(inner)));
  for (size_t i = 0; i < inner.size(); ++i) {
    EXPECT_LE(std::abs(arctan_got[i] - std::atan(inner[i])), 1e-6);
    EXPECT_LE(std::abs(arctanh_got[i] - std::atanh(inner[i])), 1e-6);
  }
}

bool lexicographically_more(Complex a, Complex b) {
  return a.real() > b.real() || (a.real() == b.real() && a.imag() > b.imag());
}

TEST(Elementwise, ComplexBinaryValues) {
  const struct {
    Opcode opcode;
    Complex (*expected)(Complex, Complex);
  } cases[] = {
      {Opcode::add, [](Complex a, Complex b) { return a + b; }},
      {Opcode::subtract, [](Complex a, Complex b) { return a - b; }},
      {Opcode::multiply, [](Complex a, Complex b) { return a * b; }},
      {Opcode::divide, [](Complex a, Complex b) { return a / b; }},
      {Opcode::power, [](Complex a, Complex b) { return std::pow(a, b); }},
      {Opcode::logaddexp, [](Complex a, Complex b) { return std::log(std::exp(a) + std::exp(b)); }},
      {Opcode::maximum, [](Complex a, Complex b) { return lexicographically_more(a, b) ? a : b; }},
      {Opcode::minimum, [](Complex a, Complex b) { return lexicographically_more(a, b) ? b : a; }},
      {Opcode::equal, [](Complex a, Complex b) { return Complex(a == b); }},
      {Opcode::not_equal, [](Complex a, Complex b) { return Complex(a != b); }},
      {Opcode::greater, [](Complex a, Complex b) { return Complex(lexicographically_more(a, b)); }},
      {Opcode::less, [](Complex a, Complex b) { return Complex(lexicographically_more(b, a)); }},
      {Opcode::greater_equal,
       [](Complex a, Complex b) { return Complex(!lexicographically_more(b, a)); }},
      {Opcode::less_equal,
       [](Complex a, Complex b) { return Complex(!lexicographically_more(a, b)); }},
  };
  std::vector<Complex> other(kComplex.rbegin(), kComplex.rend());
  other[0] = kComplex[0];
  for (const auto& c : cases) {
    const array y = apply(c.opcode, {make_complex(kComplex), make_complex(other)});
    expect_complex(elementwise_op(c.opcode).name.data(), y,
                   [&](size_t i) { return c.expected(kComplex[i], other[i]); });
  }
}

TEST(Elementwise, EveryRowIsTested) {
  std::set<Opcode> seen = {Opcode::bitwise_invert, Opcode::left_shift, Opcode::right_shift,
                           Opcode::select, Opcode::imag};
  for (const UnaryCase& c : kUnary) {
    seen.insert(c.opcode);
  }
  for (const BinaryCase& c : kBinary) {
    seen.insert(c.opcode);
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(kOpcodes));
}

}  // namespace
