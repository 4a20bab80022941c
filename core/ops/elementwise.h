#pragma once

// Element-wise operations: the functions over the rows of elementwise.def.
//
// What holds for all of them, unless a comment says otherwise:
//   Shapes: the operands broadcast against each other; the result has that shape.
//   Dtypes: operands of different dtypes are promoted; the result has the
//           promoted dtype. "Floating" functions give at least float32 for
//           integers and bool; comparisons and tests give bool. float16 and
//           bfloat16 are computed in float32. Integers wrap.
//   Errors: std::invalid_argument if the shapes do not broadcast or the
//           operation is not defined for the dtype.
//   Grad:   the derivative; none through comparisons, tests, rounding, bitwise
//           and integer functions. For complex operands the cotangent is that
//           of the real and of the imaginary part, as re + i im.
// They run fused: a chain of them reads its operands and writes its result once.

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/utils.h"

namespace mlx::core {

/// The elements converted to `dtype` as in C: floats truncate, integers wrap, anything but 0 is
/// true, complex numbers lose their imaginary part. NaN and floats out of range give the smallest
/// int32 or int64, narrower integers the low bits of that, uint32 and uint64 some fixed value.
/// Grad: the cotangent, converted back.
array astype(array a, Dtype dtype, StreamOrDevice s = {});

/// Limited to [a_min, a_max]; a bound that is not given does not limit.
/// Errors: std::invalid_argument if neither is given.
/// Grad: to `a` within the bounds, to the bound outside.
array clip(const array& a, const std::optional<array>& a_min = std::nullopt,
           const std::optional<array>& a_max = std::nullopt, StreamOrDevice s = {});

/// a == b.
array equal(const array& a, const array& b, StreamOrDevice s = {});
array operator==(const array& a, const array& b);
template <typename T>
requires(!is_array_v<T>) array operator==(T a, const array& b) { return equal(array(a), b); }
template <typename T>
requires(!is_array_v<T>) array operator==(const array& a, T b) { return equal(a, array(b)); }

/// a != b.
array not_equal(const array& a, const array& b, StreamOrDevice s = {});
array operator!=(const array& a, const array& b);
template <typename T>
requires(!is_array_v<T>) array operator!=(T a, const array& b) { return not_equal(array(a), b); }
template <typename T>
requires(!is_array_v<T>) array operator!=(const array& a, T b) { return not_equal(a, array(b)); }

/// a > b. Complex numbers compare by real, then by imaginary part.
array greater(const array& a, const array& b, StreamOrDevice s = {});
array operator>(const array& a, const array& b);
template <typename T>
requires(!is_array_v<T>) array operator>(T a, const array& b) { return greater(array(a), b); }
template <typename T>
requires(!is_array_v<T>) array operator>(const array& a, T b) { return greater(a, array(b)); }

/// a >= b.
array greater_equal(const array& a, const array& b, StreamOrDevice s = {});
array operator>=(const array& a, const array& b);
template <typename T>
requires(!is_array_v<T>) array operator>=(T a, const array& b) {
  return greater_equal(array(a), b);
}
template <typename T>
requires(!is_array_v<T>) array operator>=(const array& a, T b) {
  return greater_equal(a, array(b));
}

/// a < b.
array less(const array& a, const array& b, StreamOrDevice s = {});
array operator<(const array& a, const array& b);
template <typename T>
requires(!is_array_v<T>) array operator<(T a, const array& b) { return less(array(a), b); }
template <typename T>
requires(!is_array_v<T>) array operator<(const array& a, T b) { return less(a, array(b)); }

/// a <= b.
array less_equal(const array& a, const array& b, StreamOrDevice s = {});
array operator<=(const array& a, const array& b);
template <typename T>
requires(!is_array_v<T>) array operator<=(T a, const array& b) { return less_equal(array(a), b); }
template <typename T>
requires(!is_array_v<T>) array operator<=(const array& a, T b) { return less_equal(a, array(b)); }

/// Whether the element is NaN (for complex: either part).
array isnan(const array& a, StreamOrDevice s = {});

/// Whether the element is infinite (for complex: either part).
array isinf(const array& a, StreamOrDevice s = {});

/// Whether the element is neither NaN nor infinite.
array isfinite(const array& a, StreamOrDevice s = {});

/// Whether the element is positive infinity.
array isposinf(const array& a, StreamOrDevice s = {});

/// Whether the element is negative infinity.
array isneginf(const array& a, StreamOrDevice s = {});

/// x where `condition` is not 0, y elsewhere.
/// Dtypes: x and y are promoted.
/// Grad: to x where it was taken, to y elsewhere; none to the condition.
array where(const array& condition, const array& x, const array& y, StreamOrDevice s = {});

/// NaN replaced by `nan`, infinities by `posinf` and `neginf` (the dtype's limits
/// if not given). Integers stay as they are.
/// Errors: std::invalid_argument for float64 and complex64.
array nan_to_num(const array& a, float nan = 0.0f, const std::optional<float> posinf = std::nullopt,
                 const std::optional<float> neginf = std::nullopt, StreamOrDevice s = {});

/// |a - b| <= atol + rtol * |b|. Infinities are close to themselves only; NaN is
/// close to NaN if `equal_nan`.
array isclose(const array& a, const array& b, double rtol = 1e-5, double atol = 1e-8,
              bool equal_nan = false, StreamOrDevice s = {});

/// The magnitude. Dtypes: float32 for complex64. Grad: 0 at 0.
array abs(const array& a, StreamOrDevice s = {});

/// The array itself.
array positive(const array& a, StreamOrDevice s = {});

/// -a. Errors: std::invalid_argument for bool.
array negative(const array& a, StreamOrDevice s = {});
array operator-(const array& a);

/// -1, 0 or 1; for complex z / |z|; 0 for NaN. Grad: none; for complex of the direction.
array sign(const array& a, StreamOrDevice s = {});

/// Whether the element is 0.
array logical_not(const array& a, StreamOrDevice s = {});

/// Whether both are not 0.
array logical_and(const array& a, const array& b, StreamOrDevice s = {});
array operator&&(const array& a, const array& b);

/// Whether one is not 0.
array logical_or(const array& a, const array& b, StreamOrDevice s = {});
array operator||(const array& a, const array& b);

/// Whether exactly one is not 0.
array logical_xor(const array& a, const array& b, StreamOrDevice s = {});

/// 1 / a. Floating.
array reciprocal(const array& a, StreamOrDevice s = {});

/// a + b. For bool: or.
array add(const array& a, const array& b, StreamOrDevice s = {});
array operator+(const array& a, const array& b);
template <typename T>
requires(!is_array_v<T>) array operator+(T a, const array& b) { return add(array(a), b); }
template <typename T>
requires(!is_array_v<T>) array operator+(const array& a, T b) { return add(a, array(b)); }

/// a - b. For bool: exclusive or.
array subtract(const array& a, const array& b, StreamOrDevice s = {});
array operator-(const array& a, const array& b);
template <typename T>
requires(!is_array_v<T>) array operator-(T a, const array& b) { return subtract(array(a), b); }
template <typename T>
requires(!is_array_v<T>) array operator-(const array& a, T b) { return subtract(a, array(b)); }

/// a * b. For bool: and.
array multiply(const array& a, const array& b, StreamOrDevice s = {});
array operator*(const array& a, const array& b);
template <typename T>
requires(!is_array_v<T>) array operator*(T a, const array& b) { return multiply(array(a), b); }
template <typename T>
requires(!is_array_v<T>) array operator*(const array& a, T b) { return multiply(a, array(b)); }

/// a / b. Floating: integers divide as float32.
array divide(const array& a, const array& b, StreamOrDevice s = {});
array operator/(const array& a, const array& b);
array operator/(double a, const array& b);
array operator/(const array& a, double b);

/// The quotient rounded down and the remainder. Division of integers by 0: 0, 0.
/// Errors: std::invalid_argument for complex64.
std::vector<array> divmod(const array& a, const array& b, StreamOrDevice s = {});

/// floor(a / b) of floats. Integers truncate, as in C; by 0 the result is 0.
/// Errors: std::invalid_argument for complex64.
array floor_divide(const array& a, const array& b, StreamOrDevice s = {});

/// What a / b leaves, with the sign of b. Of integers by 0 it is 0, of floats NaN.
/// Errors: std::invalid_argument for complex64. Grad: of b, -floor(a / b).
array remainder(const array& a, const array& b, StreamOrDevice s = {});
array operator%(const array& a, const array& b);
template <typename T>
requires(!is_array_v<T>) array operator%(T a, const array& b) { return remainder(array(a), b); }
template <typename T>
requires(!is_array_v<T>) array operator%(const array& a, T b) { return remainder(a, array(b)); }

/// The larger; NaN if either is. Grad: to b where they are equal.
array maximum(const array& a, const array& b, StreamOrDevice s = {});

/// The smaller; NaN if either is. Grad: to b where they are equal.
array minimum(const array& a, const array& b, StreamOrDevice s = {});

/// Rounded down. Integers stay as they are.
/// Errors: std::invalid_argument for complex64.
array floor(const array& a, StreamOrDevice s = {});

/// Rounded up. Integers stay as they are.
/// Errors: std::invalid_argument for complex64.
array ceil(const array& a, StreamOrDevice s = {});

/// Rounded towards 0. Integers stay as they are.
/// Errors: std::invalid_argument for complex64.
array trunc(const array& a, StreamOrDevice s = {});

/// a * a.
array square(const array& a, StreamOrDevice s = {});

/// e to the power a. Floating, as are those that follow; real results are within
/// 4 units in the last place.
array exp(const array& a, StreamOrDevice s = {});
array sin(const array& a, StreamOrDevice s = {});
array cos(const array& a, StreamOrDevice s = {});
array tan(const array& a, StreamOrDevice s = {});
array arcsin(const array& a, StreamOrDevice s = {});
array arccos(const array& a, StreamOrDevice s = {});
array arctan(const array& a, StreamOrDevice s = {});

/// The angle of the point (b, a). Floating. Errors: std::invalid_argument for complex64.
array arctan2(const array& a, const array& b, StreamOrDevice s = {});
array sinh(const array& a, StreamOrDevice s = {});  ///< Floating, as the five below
array cosh(const array& a, StreamOrDevice s = {});
array tanh(const array& a, StreamOrDevice s = {});
array arcsinh(const array& a, StreamOrDevice s = {});
array arccosh(const array& a, StreamOrDevice s = {});
array arctanh(const array& a, StreamOrDevice s = {});

/// Radians to degrees. Floating.
array degrees(const array& a, StreamOrDevice s = {});

/// Degrees to radians. Floating.
array radians(const array& a, StreamOrDevice s = {});
array log(const array& a, StreamOrDevice s = {});  ///< Floating, as the three below
array log2(const array& a, StreamOrDevice s = {});
array log10(const array& a, StreamOrDevice s = {});
array log1p(const array& a, StreamOrDevice s = {});

/// log(exp(a) + exp(b)) without overflow. Floating.
array logaddexp(const array& a, const array& b, StreamOrDevice s = {});

/// 1 / (1 + exp(-a)). Floating. Errors: std::invalid_argument for complex64.
array sigmoid(const array& a, StreamOrDevice s = {});

/// The error function. Floating. Errors: std::invalid_argument for complex64.
array erf(const array& a, StreamOrDevice s = {});

/// The inverse of erf. Floating. Errors: std::invalid_argument for complex64.
array erfinv(const array& a, StreamOrDevice s = {});

/// exp(a) - 1, precise near 0. Floating. Errors: std::invalid_argument for complex64.
array expm1(const array& a, StreamOrDevice s = {});

/// The array itself, through which no gradient flows.
array stop_gradient(const array& a, StreamOrDevice s = {});

/// Rounded to `decimals` places, half to even; negative: tens, hundreds and so on.
/// Dtypes: kept. Integers stay as they are without decimals.
array round(const array& a, int decimals, StreamOrDevice s = {});
array round(const array& a, StreamOrDevice s = {});

/// The square root. Floating.
array sqrt(const array& a, StreamOrDevice s = {});

/// 1 / sqrt(a). Floating.
array rsqrt(const array& a, StreamOrDevice s = {});

/// a to the power b. A negative power of an integer is that of its reciprocal,
/// truncated: 0 unless a is 1 or -1. Grad: finite where the derivative is.
array power(const array& a, const array& b, StreamOrDevice s = {});

/// The complex conjugate; real arrays stay as they are.
array conjugate(const array& a, StreamOrDevice s = {});

/// Errors: std::runtime_error for floats, here and in the four that follow.
array bitwise_and(const array& a, const array& b, StreamOrDevice s = {});
array operator&(const array& a, const array& b);

array bitwise_or(const array& a, const array& b, StreamOrDevice s = {});
array operator|(const array& a, const array& b);

array bitwise_xor(const array& a, const array& b, StreamOrDevice s = {});
array operator^(const array& a, const array& b);

/// Dtypes: bool as uint8. A shift by the width or more, or by a negative count,
/// gives 0.
array left_shift(const array& a, const array& b, StreamOrDevice s = {});
array operator<<(const array& a, const array& b);

/// Copies the sign of signed integers. Dtypes: bool as uint8. A shift by the width
/// or more, or by a negative count, leaves the sign: 0 or -1.
array right_shift(const array& a, const array& b, StreamOrDevice s = {});
array operator>>(const array& a, const array& b);

/// ~a; for bool: not. Errors: std::invalid_argument for floats.
array bitwise_invert(const array& a, StreamOrDevice s = {});
array operator~(const array& a);

/// The real part. Dtypes: float32 for complex64; others stay as they are.
array real(const array& a, StreamOrDevice s = {});

/// The imaginary part. Dtypes: float32 for complex64; zeros of the dtype for others.
array imag(const array& a, StreamOrDevice s = {});

}  // namespace mlx::core
