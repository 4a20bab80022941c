// How arrays, devices and dtypes print (behaviour as in MLX).

#include <cmath>
#include <iomanip>
#include <ostream>

#include "mlx/core/graph/node.h"
#include "mlx/core/utils.h"

namespace mlx::core {
namespace {

constexpr ShapeElem kEdge = 3;  // elements shown at each end of a long axis

template <typename T>
void print_real(std::ostream& os, T value, const PrintOptions& options) {
  if (options.precision < 0) {
    os << value;
    return;
  }
  const auto flags = os.flags();
  const auto precision = os.precision();
  os << std::fixed << std::setprecision(options.precision) << value;
  os.flags(flags);
  os.precision(precision);
}

void print_element(std::ostream& os, const void* p, Dtype dtype) {
  PrintFormatter& format = get_global_formatter();
  switch (dtype.val()) {
    case Dtype::Val::bool_:
      return format.print(os, *static_cast<const bool*>(p));
    case Dtype::Val::uint8:
      return format.print(os, static_cast<uint32_t>(*static_cast<const uint8_t*>(p)));
    case Dtype::Val::uint16:
      return format.print(os, *static_cast<const uint16_t*>(p));
    case Dtype::Val::uint32:
      return format.print(os, *static_cast<const uint32_t*>(p));
    case Dtype::Val::uint64:
      return format.print(os, *static_cast<const uint64_t*>(p));
    case Dtype::Val::int8:
      return format.print(os, static_cast<int32_t>(*static_cast<const int8_t*>(p)));
    case Dtype::Val::int16:
      return format.print(os, *static_cast<const int16_t*>(p));
    case Dtype::Val::int32:
      return format.print(os, *static_cast<const int32_t*>(p));
    case Dtype::Val::int64:
      return format.print(os, *static_cast<const int64_t*>(p));
    case Dtype::Val::float16:
      return format.print(os, *static_cast<const float16_t*>(p));
    case Dtype::Val::float32:
      return format.print(os, *static_cast<const float*>(p));
    case Dtype::Val::float64:
      return format.print(os, *static_cast<const double*>(p));
    case Dtype::Val::bfloat16:
      return format.print(os, *static_cast<const bfloat16_t*>(p));
    case Dtype::Val::complex64:
      return format.print(os, *static_cast<const complex64_t*>(p));
  }
}

void print_axis(std::ostream& os, const array& a, size_t axis, int64_t offset) {
  if (axis == a.ndim()) {
    print_element(os, a.data<std::byte>() + offset * static_cast<int64_t>(a.itemsize()), a.dtype());
    return;
  }
  const ShapeElem size = a.shape()[axis];
  const bool innermost = axis + 1 == a.ndim();
  const std::string separator =
      innermost ? ", " : ",\n" + std::string(static_cast<size_t>(7 + axis), ' ');
  os << '[';
  for (ShapeElem i = 0; i < size; ++i) {
    if (i > 0) {
      os << separator;
    }
    if (size > 2 * kEdge && i == kEdge) {
      os << "...";
      i = size - kEdge - 1;
      continue;
    }
    print_axis(os, a, axis + 1, offset + i * a.strides()[axis]);
  }
  os << ']';
}

}  // namespace

void PrintFormatter::print(std::ostream& os, bool val) {
  os << (capitalize_bool ? (val ? "True" : "False") : (val ? "true" : "false"));
}
void PrintFormatter::print(std::ostream& os, int16_t val) { os << val; }
void PrintFormatter::print(std::ostream& os, uint16_t val) { os << val; }
void PrintFormatter::print(std::ostream& os, int32_t val) { os << val; }
void PrintFormatter::print(std::ostream& os, uint32_t val) { os << val; }
void PrintFormatter::print(std::ostream& os, int64_t val) { os << val; }
void PrintFormatter::print(std::ostream& os, uint64_t val) { os << val; }
void PrintFormatter::print(std::ostream& os, float16_t val) {
  print_real(os, static_cast<float>(val), format_options);
}
void PrintFormatter::print(std::ostream& os, bfloat16_t val) {
  print_real(os, static_cast<float>(val), format_options);
}
void PrintFormatter::print(std::ostream& os, float val) { print_real(os, val, format_options); }
void PrintFormatter::print(std::ostream& os, double val) { print_real(os, val, format_options); }
void PrintFormatter::print(std::ostream& os, complex64_t val) {
  print_real(os, val.real(), format_options);
  os << (std::signbit(val.imag()) ? '-' : '+');
  print_real(os, std::abs(val.imag()), format_options);
  os << 'j';
}

PrintFormatter& get_global_formatter() {
  static PrintFormatter formatter;
  return formatter;
}

void set_printoptions(PrintOptions options) { get_global_formatter().format_options = options; }

std::ostream& operator<<(std::ostream& os, const Device& d) {
  return os << "Device(" << (d == Device::cpu ? "cpu" : "gpu") << ", " << d.index << ')';
}

std::ostream& operator<<(std::ostream& os, const Stream& s) {
  return os << "Stream(" << s.device << ", " << s.index << ')';
}

std::ostream& operator<<(std::ostream& os, const Dtype& d) { return os << dtype_name(d); }

std::ostream& operator<<(std::ostream& os, const Dtype::Kind& k) {
  constexpr const char* kNames = "buifcV";
  return os << kNames[static_cast<int>(k)];
}

std::ostream& operator<<(std::ostream& os, array a) {
  a.eval();
  os << "array(";
  if (a.ndim() > 0 && a.shape(0) == 0) {
    os << "[]";
  } else {
    print_axis(os, a, 0, 0);
  }
  return os << ", dtype=" << a.dtype() << ')';
}

std::ostream& operator<<(std::ostream& os, const complex64_t& v) {
  PrintFormatter().print(os, v);
  return os;
}
std::ostream& operator<<(std::ostream& os, const float16_t& v) {
  return os << static_cast<float>(v);
}
std::ostream& operator<<(std::ostream& os, const bfloat16_t& v) {
  return os << static_cast<float>(v);
}

namespace detail {
void print_list(std::ostream& os, size_t count, const void* values,
                void (*print)(std::ostream& os, const void* values, size_t i)) {
  os << '(';
  for (size_t i = 0; i < count; ++i) {
    os << (i > 0 ? "," : "");
    print(os, values, i);
  }
  os << ')';
}
}  // namespace detail

}  // namespace mlx::core
