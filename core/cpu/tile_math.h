#pragma once

// The functions that the values of elementwise.def are written in, for one
// element of a real compute type.
//
// Included only by tile_loops.cpp, which is compiled for several instruction
// sets. Everything here is local to that file: an inline function with external
// linkage could be merged with the copy of another file, and then run AVX-512
// code on a machine without it. So no standard library either.

#include <cstdint>

// GCC vectorises calls of functions declared so with glibc's libmvec: within 4
// units in the last place, infinities and NaN right.
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#define MLX_VECTOR_MATH __attribute__((simd("notinbranch")))
#else
#define MLX_VECTOR_MATH
#endif

extern "C" {
#define MLX_DECLARE_MATH(name)                  \
  MLX_VECTOR_MATH double name(double) noexcept; \
  MLX_VECTOR_MATH float name##f(float) noexcept;
MLX_DECLARE_MATH(exp)
MLX_DECLARE_MATH(expm1)
MLX_DECLARE_MATH(log)
MLX_DECLARE_MATH(log2)
MLX_DECLARE_MATH(log10)
MLX_DECLARE_MATH(log1p)
MLX_DECLARE_MATH(sin)
MLX_DECLARE_MATH(cos)
MLX_DECLARE_MATH(tan)
MLX_DECLARE_MATH(asin)
MLX_DECLARE_MATH(acos)
MLX_DECLARE_MATH(atan)
MLX_DECLARE_MATH(sinh)
MLX_DECLARE_MATH(cosh)
MLX_DECLARE_MATH(tanh)
MLX_DECLARE_MATH(asinh)
MLX_DECLARE_MATH(acosh)
MLX_DECLARE_MATH(atanh)
MLX_DECLARE_MATH(erf)
MLX_DECLARE_MATH(erfc)
#undef MLX_DECLARE_MATH
MLX_VECTOR_MATH double pow(double, double) noexcept;
MLX_VECTOR_MATH float powf(float, float) noexcept;
MLX_VECTOR_MATH double atan2(double, double) noexcept;
MLX_VECTOR_MATH float atan2f(float, float) noexcept;
}

#define MLX_INLINE inline __attribute__((always_inline, unused))

// Before a loop whose destination is none of its operands or exactly one of
// them. Other compilers find out at run time.
#if defined(__GNUC__) && !defined(__clang__)
#define MLX_VECTORIZE _Pragma("GCC ivdep")
#else
#define MLX_VECTORIZE
#endif

namespace mlx::core::cpu {
namespace {

using f32 = float;
using f64 = double;
template <typename T>
inline constexpr bool is_float = false;
template <>
inline constexpr bool is_float<f32> = true;
template <>
inline constexpr bool is_float<f64> = true;
template <typename T>
inline constexpr bool is_signed = T(-1) < T(0);
template <>
inline constexpr bool is_signed<bool> = false;

#define MLX_FLOAT_FUNCTION(name, function)                          \
  MLX_INLINE f32 name(f32 x) { return __builtin_##function##f(x); } \
  MLX_INLINE f64 name(f64 x) { return __builtin_##function(x); }
MLX_FLOAT_FUNCTION(sqrt, sqrt)
MLX_FLOAT_FUNCTION(floor, floor)
MLX_FLOAT_FUNCTION(ceil, ceil)
MLX_FLOAT_FUNCTION(trunc, trunc)
MLX_FLOAT_FUNCTION(rint, rint)
#undef MLX_FLOAT_FUNCTION

#define MLX_FLOAT_FUNCTION(name)                      \
  MLX_INLINE f32 name(f32 x) { return ::name##f(x); } \
  MLX_INLINE f64 name(f64 x) { return ::name(x); }
MLX_FLOAT_FUNCTION(exp)
MLX_FLOAT_FUNCTION(expm1)
MLX_FLOAT_FUNCTION(log)
MLX_FLOAT_FUNCTION(log2)
MLX_FLOAT_FUNCTION(log10)
MLX_FLOAT_FUNCTION(log1p)
MLX_FLOAT_FUNCTION(sin)
MLX_FLOAT_FUNCTION(cos)
MLX_FLOAT_FUNCTION(tan)
MLX_FLOAT_FUNCTION(asin)
MLX_FLOAT_FUNCTION(acos)
MLX_FLOAT_FUNCTION(atan)
MLX_FLOAT_FUNCTION(sinh)
MLX_FLOAT_FUNCTION(cosh)
MLX_FLOAT_FUNCTION(tanh)
MLX_FLOAT_FUNCTION(asinh)
MLX_FLOAT_FUNCTION(acosh)
MLX_FLOAT_FUNCTION(atanh)
MLX_FLOAT_FUNCTION(erf)
#undef MLX_FLOAT_FUNCTION
MLX_INLINE f32 atan2(f32 a, f32 b) { return ::atan2f(a, b); }
MLX_INLINE f64 atan2(f64 a, f64 b) { return ::atan2(a, b); }

template <typename T>
MLX_INLINE bool isnan(T x) {
  return __builtin_isnan(x);
}
template <typename T>
MLX_INLINE bool isinf(T x) {
  return __builtin_fabs(x) == __builtin_inf();
}
template <typename T>
MLX_INLINE bool isfinite(T x) {
  return __builtin_fabs(x) < __builtin_inf();
}
template <typename T>
MLX_INLINE bool isposinf(T x) {
  return x == static_cast<T>(__builtin_inf());
}

template <typename T>
MLX_INLINE T abs(T x) {
  if constexpr (is_float<T>) {
    return sizeof(T) == 4 ? static_cast<T>(__builtin_fabsf(static_cast<f32>(x)))
                          : static_cast<T>(__builtin_fabs(x));
  } else if constexpr (is_signed<T>) {
    return x < 0 ? -x : x;
  } else {
    return x;
  }
}

// The sign of NaN is 0.
template <typename T>
MLX_INLINE T sign(T x) {
  if constexpr (is_signed<T>) {
    return static_cast<T>((x > 0 ? T(1) : T(0)) - (x < 0 ? T(1) : T(0)));
  } else {
    return x != 0;
  }
}

template <typename T>
MLX_INLINE T invert(T x) {
  if constexpr (T(2) == T(1)) {  // bool
    return !x;
  } else {
    return static_cast<T>(~x);
  }
}

// NaN wins.
template <typename T>
MLX_INLINE T maximum(T a, T b) {
  if constexpr (is_float<T>) {
    return ((a > b) | isnan(a)) ? a : b;
  } else {
    return a > b ? a : b;
  }
}
template <typename T>
MLX_INLINE T minimum(T a, T b) {
  if constexpr (is_float<T>) {
    return ((a < b) | isnan(a)) ? a : b;
  } else {
    return a < b ? a : b;
  }
}

// Rounds down for floats; C's division, which truncates, for integers. An
// integer divided by zero is 0; the smallest divided by -1 wraps to itself.
template <typename T>
MLX_INLINE T floor_divide(T a, T b) {
  if constexpr (is_float<T>) {
    return floor(a / b);
  } else {
    if (b == T(0)) {
      return 0;
    }
    if constexpr (is_signed<T>) {
      return b == -1 ? -a : a / b;
    } else {
      return a / b;
    }
  }
}

// 32-bit integers by way of double, which holds the quotient to the last digit
// and is divided in vectors.
template <typename T>
MLX_INLINE T divide_in_double(T a, T b) {
  const bool special = b == 0 || b == static_cast<T>(-1);
  const f64 quotient = static_cast<f64>(a) / static_cast<f64>(special ? T(1) : b);
  const T whole = static_cast<T>(quotient);
  const T negated = is_signed<T> ? -a : static_cast<T>(a == b);
  return b == 0 ? T(0) : special ? negated : whole;
}
MLX_INLINE int32_t floor_divide(int32_t a, int32_t b) { return divide_in_double(a, b); }
MLX_INLINE uint32_t floor_divide(uint32_t a, uint32_t b) { return divide_in_double(a, b); }

// Has the sign of the divisor. An integer modulo zero is 0.
MLX_INLINE int32_t remainder(int32_t a, int32_t b) {
  const int32_t r = b == 0 ? 0 : a - divide_in_double(a, b) * b;
  return (r != 0) & ((r < 0) != (b < 0)) ? r + b : r;
}
MLX_INLINE uint32_t remainder(uint32_t a, uint32_t b) {
  return b == 0 ? 0 : a - divide_in_double(a, b) * b;
}
template <typename T>
MLX_INLINE T remainder(T a, T b) {
  if constexpr (is_float<T>) {
    const T r = sizeof(T) == 4
                    ? static_cast<T>(__builtin_fmodf(static_cast<f32>(a), static_cast<f32>(b)))
                    : static_cast<T>(__builtin_fmod(a, b));
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
  } else {
    if (b == T(0)) {
      return 0;
    }
    if constexpr (is_signed<T>) {
      const T r = b == -1 ? 0 : a % b;
      return r != 0 && (r < 0) != (b < 0) ? r + b : r;
    } else {
      return static_cast<T>(a % b);
    }
  }
}

// remainder(a, b) without a call, so that loops vectorise, where the quotient times the
// divisor has no more digits than a double. Otherwise, and for infinities and NaN, false.
MLX_INLINE bool has_quick_remainder(f32 a, f32 b) {
  const f64 y = __builtin_fabs(static_cast<f64>(b));
  return (__builtin_fabs(static_cast<f64>(a)) < y * 0x1p29) & (y < __builtin_inf());
}
MLX_INLINE f32 quick_remainder(f32 a, f32 b) {
  const f64 x = __builtin_fabs(static_cast<f64>(a));
  const f64 y = __builtin_fabs(static_cast<f64>(b));
  const f64 rest = x - __builtin_trunc(x / y) * y;
  const f32 r = __builtin_copysignf(static_cast<f32>(rest < 0 ? rest + y : rest), a);
  return (r != 0) & ((r < 0) != (b < 0)) ? r + b : r;
}

MLX_INLINE bool power(bool a, bool b) { return a | !b; }
MLX_INLINE f32 power(f32 a, f32 b) { return ::powf(a, b); }
MLX_INLINE f64 power(f64 a, f64 b) { return ::pow(a, b); }
// Wraps. A negative power is that of the reciprocal, which is 0 unless a is 1 or -1.
template <typename T>
MLX_INLINE T power(T a, T b) {
  if constexpr (is_signed<T>) {
    if (b < 0) {
      return a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0;
    }
  }
  T result = 1;
  while (b != 0) {
    if (b & 1) {
      result *= a;
    }
    a *= a;
    b >>= 1;
  }
  return result;
}

template <typename T>
MLX_INLINE T logaddexp(T a, T b) {
  const T high = maximum(a, b);
  const T low = minimum(a, b);
  const T sum = high + log1p(exp(low - high));
  return ((high == low) & isinf(high)) ? high : sum;
}

// A shift by the width or more (or by a negative count) leaves no bit of the
// value: 0, or the sign of what is shifted to the right.
template <typename T>
inline constexpr uint64_t kBits = 8 * sizeof(T);
template <typename T>
MLX_INLINE T left_shift(T a, T b) {
  const T count = b & static_cast<T>(kBits<T> - 1);
  return b == count ? static_cast<T>(a << count) : 0;
}
template <typename T>
MLX_INLINE T right_shift(T a, T b) {
  const T last = static_cast<T>(kBits<T> - 1);
  const T count = b & last;
  if constexpr (is_signed<T>) {
    return a >> (b == count ? count : last);
  } else {
    return b == count ? a >> count : 0;
  }
}

// M. Giles, "Approximating the erfinv function": a polynomial of
// w = -log(1 - x^2) near zero, of its root in the tails.
MLX_INLINE f32 erfinv(f32 x) {
  const f32 w = -::logf((1 - x) * (1 + x));
  const f32 c = w - 2.5f;
  f32 p = 2.81022636e-08f;
  p = 3.43273939e-07f + p * c;
  p = -3.5233877e-06f + p * c;
  p = -4.39150654e-06f + p * c;
  p = 0.00021858087f + p * c;
  p = -0.00125372503f + p * c;
  p = -0.00417768164f + p * c;
  p = 0.246640727f + p * c;
  p = 1.50140941f + p * c;
  const f32 t = __builtin_sqrtf(w) - 3;
  f32 q = -0.000200214257f;
  q = 0.000100950558f + q * t;
  q = 0.00134934322f + q * t;
  q = -0.00367342844f + q * t;
  q = 0.00573950773f + q * t;
  q = -0.0076224613f + q * t;
  q = 0.00943887047f + q * t;
  q = 1.00167406f + q * t;
  q = 2.83297682f + q * t;
  const f32 y = (w < 5 ? p : q) * x;
  return __builtin_fabsf(x) == 1 ? x * __builtin_inff() : y;
}

// The same, then two of Newton's steps: against erf in the middle, against
// erfc where 1 - x is exact and erf no longer tells values apart.
MLX_INLINE f64 erfinv(f64 x) {
  const f64 magnitude = __builtin_fabs(x);
  const f64 q = 1 - magnitude;
  f64 y = magnitude < 0.99999
              ? static_cast<f64>(erfinv(static_cast<f32>(magnitude)))
              : __builtin_sqrt(-::log(q * 3.5449077018110318 * __builtin_sqrt(-::log(q))));
  for (int step = 0; step < 4; ++step) {
    const f64 error = magnitude < 0.5 ? ::erf(y) - magnitude : q - ::erfc(y);
    const f64 newton = error * 0.88622692545275801365 * ::exp(y * y);
    y -= newton / (1 + y * newton);  // Halley's correction
  }
  y = magnitude == 1 ? __builtin_inf() : y;
  return x < 0 ? -y : y;
}

}  // namespace
}  // namespace mlx::core::cpu
