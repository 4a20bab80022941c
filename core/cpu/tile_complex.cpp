// The loops of complex64. The functions are those of the C library, which get
// infinities and branch cuts right.

#include <cmath>
#include <complex>
#include <cstdint>

#include "mlx/core/cpu/tile_loops.h"

namespace mlx::core::cpu {
namespace {

// Not std::complex: products without the recovery of infinities from NaN, an
// order, and integer literals as operands.
struct Complex {
  float re;
  float im;

  Complex() = default;
  Complex(float real, float imag = 0) : re(real), im(imag) {}     // NOLINT
  Complex(std::complex<float> z) : re(z.real()), im(z.imag()) {}  // NOLINT

  friend Complex operator-(Complex x) { return {-x.re, -x.im}; }
  friend Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
  friend Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
  friend Complex operator*(Complex a, Complex b) {
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
  }
  // In double nothing overflows on the way.
  friend Complex operator/(Complex a, Complex b) {
    const double re = b.re;
    const double im = b.im;
    const double norm = re * re + im * im;
    const Complex quotient(static_cast<float>((a.re * re + a.im * im) / norm),
                           static_cast<float>((a.im * re - a.re * im) / norm));
    if (quotient.re != quotient.re && quotient.im != quotient.im) [[unlikely]] {
      // By zero, or infinities: the C++ standard knows which are none the less defined.
      return std::complex<float>(std::complex<double>(a.re, a.im) / std::complex<double>(re, im));
    }
    return quotient;
  }
  friend bool operator==(Complex a, Complex b) { return a.re == b.re && a.im == b.im; }
  friend bool operator!=(Complex a, Complex b) { return !(a == b); }
  // Lexicographic.
  friend bool operator>(Complex a, Complex b) {
    return a.re > b.re || (a.re == b.re && a.im > b.im);
  }
  friend bool operator<(Complex a, Complex b) { return b > a; }
  friend bool operator>=(Complex a, Complex b) { return a > b || a == b; }
  friend bool operator<=(Complex a, Complex b) { return b >= a; }
};

std::complex<float> as_std(Complex x) { return {x.re, x.im}; }
std::complex<double> as_double(Complex x) { return {x.re, x.im}; }

#define MLX_COMPLEX_FUNCTION(name) \
  Complex name(Complex x) { return std::name(as_std(x)); }
MLX_COMPLEX_FUNCTION(sqrt)
MLX_COMPLEX_FUNCTION(exp)
MLX_COMPLEX_FUNCTION(log)
MLX_COMPLEX_FUNCTION(log10)
MLX_COMPLEX_FUNCTION(sin)
MLX_COMPLEX_FUNCTION(cos)
MLX_COMPLEX_FUNCTION(tan)
MLX_COMPLEX_FUNCTION(asin)
MLX_COMPLEX_FUNCTION(acos)
MLX_COMPLEX_FUNCTION(atan)
MLX_COMPLEX_FUNCTION(sinh)
MLX_COMPLEX_FUNCTION(cosh)
MLX_COMPLEX_FUNCTION(tanh)
MLX_COMPLEX_FUNCTION(asinh)
MLX_COMPLEX_FUNCTION(acosh)
MLX_COMPLEX_FUNCTION(atanh)
#undef MLX_COMPLEX_FUNCTION

float abs(Complex x) { return std::hypot(x.re, x.im); }
Complex log2(Complex x) { return std::complex<float>(std::log(as_double(x)) / std::log(2.0)); }

// |1 + x|^2 - 1 is not computed as a difference of two numbers near 1.
Complex log1p(Complex x) {
  const double re = x.re;
  const double im = x.im;
  return {static_cast<float>(0.5 * std::log1p(re * (2 + re) + im * im)),
          static_cast<float>(std::atan2(im, 1 + re))};
}

bool isnan(Complex x) { return std::isnan(x.re) || std::isnan(x.im); }
bool isinf(Complex x) { return std::isinf(x.re) || std::isinf(x.im); }
bool isfinite(Complex x) { return std::isfinite(x.re) && std::isfinite(x.im); }
bool isposinf(Complex x) { return x == Complex(INFINITY); }

Complex sign(Complex x) {
  const float magnitude = abs(x);
  return magnitude == 0 ? Complex(0) : Complex(x.re / magnitude, x.im / magnitude);
}

Complex rint(Complex x) { return {std::rint(x.re), std::rint(x.im)}; }
Complex conj(Complex x) { return {x.re, -x.im}; }
float real(Complex x) { return x.re; }
float imag(Complex x) { return x.im; }

// A NaN wins.
Complex maximum(Complex a, Complex b) { return a > b || isnan(a) ? a : b; }
Complex minimum(Complex a, Complex b) { return a < b || isnan(a) ? a : b; }

Complex power(Complex a, Complex b) {
  if (b == Complex(0)) {
    return 1;
  }
  if (a == Complex(0)) {
    return b.re > 0 ? Complex(0) : Complex(NAN, NAN);
  }
  return std::complex<float>(std::pow(as_double(a), as_double(b)));
}

// Around the larger real part, so that exp does not overflow.
Complex logaddexp(Complex a, Complex b) {
  const Complex high = maximum(a, b);
  const Complex low = minimum(a, b);
  return isinf(high) ? high : high + log1p(exp(low - high));
}

template <typename To, typename From>
void convert_loop(void* dst, const void* src, const void*, const void*, int64_t count) {
  auto* d = static_cast<To*>(dst);
  const auto* x = static_cast<const From*>(src);
  for (int64_t i = 0; i < count; ++i) {
    if constexpr (std::is_same_v<To, bool>) {
      d[i] = x[i] != Complex(0);
    } else if constexpr (std::is_same_v<To, float>) {
      d[i] = x[i].re;
    } else {
      d[i] = x[i];
    }
  }
}

constexpr bool has_loop(Domain d) {
  switch (d) {
    case Domain::Any:
    case Domain::Ring:
    case Domain::Signed:
    case Domain::Round:
    case Domain::Inexact:
    case Domain::Magnitude:
    case Domain::Complex:
    case Domain::Part:
    case Domain::Test:
    case Domain::Equality:
    case Domain::Compare:
      return true;
    default:
      return false;
  }
}

template <Domain domain>
using Result =
    std::conditional_t<domain == Domain::Magnitude || domain == Domain::Part, float,
                       std::conditional_t<domain == Domain::Test || domain == Domain::Equality ||
                                              domain == Domain::Compare,
                                          bool, Complex>>;

// `F` is a row's value as a function object. It stays unused, and is not even
// compiled, where the row has no complex values.
template <Domain domain, typename F>
constexpr TileLoop unary_loop(F) {
  if constexpr (has_loop(domain)) {
    return [](void* dst, const void* a, const void*, const void*, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        static_cast<Result<domain>*>(dst)[i] = F()(static_cast<const Complex*>(a)[i]);
      }
    };
  } else {
    return nullptr;
  }
}

template <Domain domain, typename F>
constexpr TileLoop binary_loop(F) {
  if constexpr (has_loop(domain)) {
    return [](void* dst, const void* a, const void* b, const void*, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        static_cast<Result<domain>*>(dst)[i] =
            F()(static_cast<const Complex*>(a)[i], static_cast<const Complex*>(b)[i]);
      }
    };
  } else {
    return nullptr;
  }
}

constexpr ComplexLoops make_table() {
  ComplexLoops table{};
#define UNARY(name, domain, value, ...)      \
  table.op[static_cast<int>(Opcode::name)] = \
      unary_loop<Domain::domain>([]([[maybe_unused]] auto x) { return value; });
#define BINARY(name, domain, value, ...)                                  \
  table.op[static_cast<int>(Opcode::name)] = binary_loop<Domain::domain>( \
      []([[maybe_unused]] auto a, [[maybe_unused]] auto b) { return value; });
#define TERNARY(...)  // find_loop: moves bits
#include "mlx/core/ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
  table.from_f32 = convert_loop<Complex, float>;
  table.to_f32 = convert_loop<float, Complex>;
  table.to_b8 = convert_loop<bool, Complex>;
  return table;
}

}  // namespace

constinit const ComplexLoops kComplexLoops = make_table();

}  // namespace mlx::core::cpu
