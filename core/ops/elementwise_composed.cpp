// Functions of elementwise.h that are composed of rows; evaluation fuses them.

#include <cmath>

#include "mlx/core/base/error.h"
#include "mlx/core/ops/dtype_rules.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {
namespace {

// The dtype of real constants beside arrays of this dtype.
Dtype real_dtype(Dtype dtype) {
  const Dtype f = at_least_float(dtype);
  return f == complex64 ? float32 : f;
}

}  // namespace

array positive(const array& a, StreamOrDevice) { return a; }

array clip(const array& a, const std::optional<array>& a_min, const std::optional<array>& a_max,
           StreamOrDevice s) {
  require(a_min || a_max, "[clip] No bounds: at least one of a_min and a_max must be given.");
  const array raised = a_min ? maximum(a, *a_min, s) : a;
  return a_max ? minimum(raised, *a_max, s) : raised;
}

array nan_to_num(const array& a, float nan, const std::optional<float> posinf,
                 const std::optional<float> neginf, StreamOrDevice s) {
  const Dtype dtype = a.dtype();
  if (is_integer(dtype)) {
    return a;
  }
  require(dtype != float64 && dtype != complex64, "[nan_to_num] Not defined for ",
          dtype_name(dtype), " operands.");
  const auto largest = static_cast<float>(finfo(dtype).max);
  const auto constant = [&](float value) { return array(value, dtype); };
  const array finite = where(isnan(a, s), constant(nan), a, s);
  const array below = where(isposinf(a, s), constant(posinf.value_or(largest)), finite, s);
  return where(isneginf(a, s), constant(neginf.value_or(-largest)), below, s);
}

namespace {

Dtype unsigned_of_size(size_t bytes) {
  return bytes == 1 ? uint8 : bytes == 2 ? uint16 : bytes == 4 ? uint32 : uint64;
}

// |a - b|. Integers would wrap around, but not the larger minus the smaller as an unsigned one.
array distance(const array& a, const array& b, Dtype dtype, const StreamOrDevice& s) {
  if (!is_integer(dtype) || dtype == bool_) {
    return abs(subtract(a, b, s), s);
  }
  return view(subtract(maximum(a, b, s), minimum(a, b, s), s), unsigned_of_size(dtype.size()), s);
}

}  // namespace

array isclose(const array& first, const array& second, double rtol, double atol, bool equal_nan,
              StreamOrDevice s) {
  const Dtype dtype = promote_types(first.dtype(), second.dtype());
  // A large integer may be infinite in the dtype of the other.
  const array a = astype(first, dtype, s);
  const array b = astype(second, dtype, s);
  const Dtype real = is_integer(dtype) ? float32 : real_dtype(dtype);
  const array magnitude = abs(is_integer(dtype) ? astype(b, real, s) : b, s);
  const array tolerance = add(array(atol, real), multiply(array(rtol, real), magnitude, s), s);
  // An infinite tolerance says nothing: infinities are close to themselves only.
  const array near = logical_and(less_equal(distance(a, b, dtype, s), tolerance, s),
                                 logical_and(isfinite(a, s), isfinite(b, s), s), s);
  const array close = logical_or(near, equal(a, b, s), s);
  return equal_nan ? logical_or(close, logical_and(isnan(a, s), isnan(b, s), s), s) : close;
}

std::vector<array> divmod(const array& a, const array& b, StreamOrDevice s) {
  const Dtype dtype = promote_types(a.dtype(), b.dtype());
  require(dtype != complex64, "[divmod] Not defined for complex64 operands.");
  const array quotient = floor_divide(a, b, s);
  const array rest = remainder(a, b, s);
  if (!issubdtype(dtype, signedinteger)) {
    return {quotient, rest};
  }
  // floor_divide of integers truncates: one less where it rounded up.
  const array zero(0, dtype);
  const array rounded_up =
      logical_and(not_equal(rest, zero, s), logical_xor(less(a, zero, s), less(b, zero, s), s), s);
  return {subtract(quotient, astype(rounded_up, dtype, s), s), rest};
}

array degrees(const array& a, StreamOrDevice s) {
  return multiply(a, array(180.0 / M_PI, real_dtype(a.dtype())), s);
}

array radians(const array& a, StreamOrDevice s) {
  return multiply(a, array(M_PI / 180.0, real_dtype(a.dtype())), s);
}

array round(const array& a, int decimals, StreamOrDevice s) {
  if (decimals == 0) {
    return round(a, s);
  }
  const double scale = std::pow(10.0, decimals);
  const Dtype real = a.dtype() == float64 ? float64 : float32;
  const array scaled = round(multiply(a, array(scale, real), s), s);
  return astype(multiply(scaled, array(1.0 / scale, real), s), a.dtype(), s);
}

array operator==(const array& a, const array& b) { return equal(a, b); }
array operator!=(const array& a, const array& b) { return not_equal(a, b); }
array operator>(const array& a, const array& b) { return greater(a, b); }
array operator>=(const array& a, const array& b) { return greater_equal(a, b); }
array operator<(const array& a, const array& b) { return less(a, b); }
array operator<=(const array& a, const array& b) { return less_equal(a, b); }
array operator-(const array& a) { return negative(a); }
array operator~(const array& a) { return bitwise_invert(a); }
array operator&&(const array& a, const array& b) { return logical_and(a, b); }
array operator||(const array& a, const array& b) { return logical_or(a, b); }
array operator+(const array& a, const array& b) { return add(a, b); }
array operator-(const array& a, const array& b) { return subtract(a, b); }
array operator*(const array& a, const array& b) { return multiply(a, b); }
array operator/(const array& a, const array& b) { return divide(a, b); }
array operator/(double a, const array& b) { return divide(array(a), b); }
array operator/(const array& a, double b) { return divide(a, array(b)); }
array operator%(const array& a, const array& b) { return remainder(a, b); }
array operator&(const array& a, const array& b) { return bitwise_and(a, b); }
array operator|(const array& a, const array& b) { return bitwise_or(a, b); }
array operator^(const array& a, const array& b) { return bitwise_xor(a, b); }
array operator<<(const array& a, const array& b) { return left_shift(a, b); }
array operator>>(const array& a, const array& b) { return right_shift(a, b); }

}  // namespace mlx::core
