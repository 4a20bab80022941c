#include "mlx/core/utils.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cmath>
#include <limits>

#include "mlx/core/graph/node.h"

namespace mlx::core {

namespace detail {
void throw_size_overflow(std::string_view op) {
  throw std::overflow_error(concat("[", op, "] Size does not fit 64 bits."));
}
}  // namespace detail

bool is_main_thread() { return syscall(SYS_gettid) == getpid(); }

namespace {
// Limits of a binary floating-point format with that many exponent and fraction bits.
struct Format {
  int bits;
  int exponent_bits;
  int fraction_bits;
};

Format format_of(Dtype dtype) {
  switch (dtype.val()) {
    case Dtype::Val::float16:
      return {16, 5, 10};
    case Dtype::Val::bfloat16:
      return {16, 8, 7};
    case Dtype::Val::float64:
      return {64, 11, 52};
    case Dtype::Val::float32:
    case Dtype::Val::complex64:
      return {32, 8, 23};
    default:
      throw_invalid("[finfo] Dtype: got ", dtype, ", expected a floating-point dtype.");
  }
}
}  // namespace

finfo::finfo(Dtype t) : dtype(t) {
  const Format format = format_of(t);
  const int bias = (1 << (format.exponent_bits - 1)) - 1;
  bits = format.bits;
  eps = std::ldexp(1.0, -format.fraction_bits);
  max = std::ldexp(2.0 - eps, bias);
  min = -max;
  smallest_normal = std::ldexp(1.0, 1 - bias);
}

iinfo::iinfo(Dtype t) : dtype(t) {
  require(issubdtype(t, integer), "[iinfo] Dtype: got ", t, ", expected an integer dtype.");
  const int bits = 8 * t.size();
  if (issubdtype(t, unsignedinteger)) {
    min = 0;
    max = std::numeric_limits<uint64_t>::max() >> (64 - bits);
  } else {
    min = std::numeric_limits<int64_t>::min() >> (64 - bits);
    max = static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) >> (64 - bits);
  }
}

Dtype result_type(const array& a, const array& b) { return promote_types(a.dtype(), b.dtype()); }

Dtype result_type(const array& a, const array& b, const array& c) {
  return promote_types(result_type(a, b), c.dtype());
}

Dtype result_type(const std::vector<array>& arrays) {
  Dtype t = bool_;
  for (const array& a : arrays) {
    t = promote_types(t, a.dtype());
  }
  return t;
}

Shape broadcast_shapes(const Shape& s1, const Shape& s2) {
  const Shape& longer = s1.size() >= s2.size() ? s1 : s2;
  const Shape& shorter = s1.size() >= s2.size() ? s2 : s1;
  Shape out = longer;
  const size_t shift = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    ShapeElem& size = out[i + shift];
    if (size == 1) {
      size = shorter[i];
    } else {
      require(shorter[i] == 1 || shorter[i] == size, "[broadcast_shapes] Shapes ", s1, " and ", s2,
              " cannot be broadcast.");
    }
  }
  return out;
}

int normalize_axis_index(int axis, int ndim, const std::string& msg_prefix) {
  require(axis >= -ndim && axis < ndim, msg_prefix, "Axis ", axis,
          " is out of bounds for an array of ", ndim, " dimensions.");
  return axis < 0 ? axis + ndim : axis;
}

bool is_power_of_2(int n) { return n > 0 && (n & (n - 1)) == 0; }

int next_power_of_2(int n) {
  int power = 1;
  while (power < n) {
    power *= 2;
  }
  return power;
}

}  // namespace mlx::core
