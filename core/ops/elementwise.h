#pragma once

// Element-wise operations: the functions over the rows of elementwise.def.

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/utils.h"

namespace mlx::core {

array astype(array a, Dtype dtype, StreamOrDevice s = {});

array clip(const array& a, const std::optional<array>& a_min = std::nullopt,
           const std::optional<array>& a_max = std::nullopt, StreamOrDevice s = {});

array equal(const array& a, const array& b, StreamOrDevice s = {});
array operator==(const array& a, const array& b);
template <typename T>
requires(!is_array_v<T>) array operator==(T a, const array& b) { return equal(array(a), b); }
template <typename T>
requires(!is_array_v<T>) array operator==(const array& a, T b) { return equal(a, array(b)); }

array not_equal(const array& a, const array& b, StreamOrDevice s = {});
array operator!=(const array& a, const array& b);
template <typename T>
requires(!is_array_v<T>) array operator!=(T a, const array& b) { return not_equal(array(a), b); }
template <typename T>
requires(!is_array_v<T>) array operator!=(const array& a, T b) { return not_equal(a, array(b)); }

array greater(const array& a, const array& b, StreamOrDevice s = {});
array operator>(const array& a, const array& b);
template <typename T>
requires(!is_array_v<T>) array operator>(T a, const array& b) { return greater(array(a), b); }
template <typename T>
requires(!is_array_v<T>) array operator>(const array& a, T b) { return greater(a, array(b)); }

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

array less(const array& a, const array& b, StreamOrDevice s = {});
array operator<(const array& a, const array& b);
template <typename T>
requires(!is_array_v<T>) array operator<(T a, const array& b) { return less(array(a), b); }
template <typename T>
requires(!is_array_v<T>) array operator<(const array& a, T b) { return less(a, array(b)); }

array less_equal(const array& a, const array& b, StreamOrDevice s = {});
array operator<=(const array& a, const array& b);
template <typename T>
requires(!is_array_v<T>) array operator<=(T a, const array& b) { return less_equal(array(a), b); }
template <typename T>
requires(!is_array_v<T>) array operator<=(const array& a, T b) { return less_equal(a, array(b)); }

array isnan(const array& a, StreamOrDevice s = {});

array isinf(const array& a, StreamOrDevice s = {});

array isfinite(const array& a, StreamOrDevice s = {});

array isposinf(const array& a, StreamOrDevice s = {});

array isneginf(const array& a, StreamOrDevice s = {});

array where(const array& condition, const array& x, const array& y, StreamOrDevice s = {});

array nan_to_num(const array& a, float nan = 0.0f, const std::optional<float> posinf = std::nullopt,
                 const std::optional<float> neginf = std::nullopt, StreamOrDevice s = {});

array isclose(const array& a, const array& b, double rtol = 1e-5, double atol = 1e-8,
              bool equal_nan = false, StreamOrDevice s = {});

array abs(const array& a, StreamOrDevice s = {});

array positive(const array& a, StreamOrDevice s = {});

array negative(const array& a, StreamOrDevice s = {});
array operator-(const array& a);

array sign(const array& a, StreamOrDevice s = {});

array logical_not(const array& a, StreamOrDevice s = {});

array logical_and(const array& a, const array& b, StreamOrDevice s = {});
array operator&&(const array& a, const array& b);

array logical_or(const array& a, const array& b, StreamOrDevice s = {});
array operator||(const array& a, const array& b);

array logical_xor(const array& a, const array& b, StreamOrDevice s = {});

array reciprocal(const array& a, StreamOrDevice s = {});

array add(const array& a, const array& b, StreamOrDevice s = {});
array operator+(const array& a, const array& b);
template <typename T>
requires(!is_array_v<T>) array operator+(T a, const array& b) { return add(array(a), b); }
template <typename T>
requires(!is_array_v<T>) array operator+(const array& a, T b) { return add(a, array(b)); }

array subtract(const array& a, const array& b, StreamOrDevice s = {});
array operator-(const array& a, const array& b);
template <typename T>
requires(!is_array_v<T>) array operator-(T a, const array& b) { return subtract(array(a), b); }
template <typename T>
requires(!is_array_v<T>) array operator-(const array& a, T b) { return subtract(a, array(b)); }

array multiply(const array& a, const array& b, StreamOrDevice s = {});
array operator*(const array& a, const array& b);
template <typename T>
requires(!is_array_v<T>) array operator*(T a, const array& b) { return multiply(array(a), b); }
template <typename T>
requires(!is_array_v<T>) array operator*(const array& a, T b) { return multiply(a, array(b)); }

array divide(const array& a, const array& b, StreamOrDevice s = {});
array operator/(const array& a, const array& b);
array operator/(double a, const array& b);
array operator/(const array& a, double b);

std::vector<array> divmod(const array& a, const array& b, StreamOrDevice s = {});

array floor_divide(const array& a, const array& b, StreamOrDevice s = {});

array remainder(const array& a, const array& b, StreamOrDevice s = {});
array operator%(const array& a, const array& b);
template <typename T>
requires(!is_array_v<T>) array operator%(T a, const array& b) { return remainder(array(a), b); }
template <typename T>
requires(!is_array_v<T>) array operator%(const array& a, T b) { return remainder(a, array(b)); }

array maximum(const array& a, const array& b, StreamOrDevice s = {});

array minimum(const array& a, const array& b, StreamOrDevice s = {});

array floor(const array& a, StreamOrDevice s = {});

array ceil(const array& a, StreamOrDevice s = {});

array trunc(const array& a, StreamOrDevice s = {});

array square(const array& a, StreamOrDevice s = {});

array exp(const array& a, StreamOrDevice s = {});

array sin(const array& a, StreamOrDevice s = {});

array cos(const array& a, StreamOrDevice s = {});

array tan(const array& a, StreamOrDevice s = {});

array arcsin(const array& a, StreamOrDevice s = {});

array arccos(const array& a, StreamOrDevice s = {});

array arctan(const array& a, StreamOrDevice s = {});

array arctan2(const array& a, const array& b, StreamOrDevice s = {});

array sinh(const array& a, StreamOrDevice s = {});

array cosh(const array& a, StreamOrDevice s = {});

array tanh(const array& a, StreamOrDevice s = {});

array arcsinh(const array& a, StreamOrDevice s = {});

array arccosh(const array& a, StreamOrDevice s = {});

array arctanh(const array& a, StreamOrDevice s = {});

array degrees(const array& a, StreamOrDevice s = {});

array radians(const array& a, StreamOrDevice s = {});

array log(const array& a, StreamOrDevice s = {});

array log2(const array& a, StreamOrDevice s = {});

array log10(const array& a, StreamOrDevice s = {});

array log1p(const array& a, StreamOrDevice s = {});

array logaddexp(const array& a, const array& b, StreamOrDevice s = {});

array sigmoid(const array& a, StreamOrDevice s = {});

array erf(const array& a, StreamOrDevice s = {});

array erfinv(const array& a, StreamOrDevice s = {});

array expm1(const array& a, StreamOrDevice s = {});

array stop_gradient(const array& a, StreamOrDevice s = {});

array round(const array& a, int decimals, StreamOrDevice s = {});
array round(const array& a, StreamOrDevice s = {});

array sqrt(const array& a, StreamOrDevice s = {});

array rsqrt(const array& a, StreamOrDevice s = {});

array power(const array& a, const array& b, StreamOrDevice s = {});

array conjugate(const array& a, StreamOrDevice s = {});

array bitwise_and(const array& a, const array& b, StreamOrDevice s = {});
array operator&(const array& a, const array& b);

array bitwise_or(const array& a, const array& b, StreamOrDevice s = {});
array operator|(const array& a, const array& b);

array bitwise_xor(const array& a, const array& b, StreamOrDevice s = {});
array operator^(const array& a, const array& b);

array left_shift(const array& a, const array& b, StreamOrDevice s = {});
array operator<<(const array& a, const array& b);

array right_shift(const array& a, const array& b, StreamOrDevice s = {});
array operator>>(const array& a, const array& b);

array bitwise_invert(const array& a, StreamOrDevice s = {});
array operator~(const array& a);

array real(const array& a, StreamOrDevice s = {});

array imag(const array& a, StreamOrDevice s = {});

}  // namespace mlx::core
