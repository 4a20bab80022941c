#include "mlx/core/graph/element.h"

#include <cstring>
#include <limits>

namespace mlx::core {
namespace {

// The widest value of each kind; every dtype is read into one and written from one.
struct Element {
  Dtype::Category category;
  int64_t i = 0;  // integers; uint64 as its bits
  double re = 0;
  double im = 0;
};

template <typename T>
T read(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename T>
void write(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

Element load(const std::byte* p, Dtype dtype) {
  using Val = Dtype::Val;
  const auto integer = [](int64_t v) { return Element{.category = signedinteger, .i = v}; };
  const auto real = [](double v) { return Element{.category = floating, .re = v}; };
  switch (dtype.val()) {
    case Val::bool_:
      return integer(read<uint8_t>(p) != 0);
    case Val::uint8:
      return integer(read<uint8_t>(p));
    case Val::uint16:
      return integer(read<uint16_t>(p));
    case Val::uint32:
      return integer(read<uint32_t>(p));
    case Val::uint64:
      return {.category = unsignedinteger, .i = static_cast<int64_t>(read<uint64_t>(p))};
    case Val::int8:
      return integer(read<int8_t>(p));
    case Val::int16:
      return integer(read<int16_t>(p));
    case Val::int32:
      return integer(read<int32_t>(p));
    case Val::int64:
      return integer(read<int64_t>(p));
    case Val::float16:
      return real(read<float16_t>(p));
    case Val::float32:
      return real(read<float>(p));
    case Val::float64:
      return real(read<double>(p));
    case Val::bfloat16:
      return real(read<bfloat16_t>(p));
    case Val::complex64:
      break;
  }
  return {.category = complexfloating, .re = read<float>(p), .im = read<float>(p + sizeof(float))};
}

bool is_integer(const Element& e) {
  return e.category == signedinteger || e.category == unsignedinteger;
}

double as_double(const Element& e) {
  if (!is_integer(e)) {
    return e.re;
  }
  return e.category == unsignedinteger ? static_cast<double>(static_cast<uint64_t>(e.i))
                                       : static_cast<double>(e.i);
}

// uint64 reaches beyond int64: values of its upper half keep their bits.
int64_t as_int64(const Element& e) {
  if (is_integer(e)) {
    return e.i;
  }
  if (e.re >= -0x1p63 && e.re < 0x1p63) {
    return static_cast<int64_t>(e.re);
  }
  if (e.re >= 0x1p63 && e.re < 0x1p64) {
    return static_cast<int64_t>(static_cast<uint64_t>(e.re));
  }
  return std::numeric_limits<int64_t>::min();
}

template <typename T>
T as_narrow(const Element& e) {
  if (!is_integer(e) && std::numeric_limits<T>::is_signed &&
      !(e.re > -0x1p31 - 1 && e.re < 0x1p31)) {
    return static_cast<T>(std::numeric_limits<int32_t>::min());
  }
  return static_cast<T>(as_int64(e));
}

void store(const Element& e, std::byte* p, Dtype dtype) {
  using Val = Dtype::Val;
  switch (dtype.val()) {
    case Val::bool_:
      return write(p, static_cast<uint8_t>(is_integer(e) ? e.i != 0 : e.re != 0 || e.im != 0));
    case Val::uint8:
      return write(p, as_narrow<uint8_t>(e));
    case Val::uint16:
      return write(p, as_narrow<uint16_t>(e));
    case Val::uint32:
      return write(p, as_narrow<uint32_t>(e));
    case Val::uint64:
      return write(p, static_cast<uint64_t>(as_int64(e)));
    case Val::int8:
      return write(p, as_narrow<int8_t>(e));
    case Val::int16:
      return write(p, as_narrow<int16_t>(e));
    case Val::int32:
      return write(p, as_narrow<int32_t>(e));
    case Val::int64:
      return write(p, as_int64(e));
    case Val::float16:
      return write(p, float16_t(static_cast<float>(as_double(e))));
    case Val::float32:
      return write(p, static_cast<float>(as_double(e)));
    case Val::float64:
      return write(p, as_double(e));
    case Val::bfloat16:
      return write(p, bfloat16_t(static_cast<float>(as_double(e))));
    case Val::complex64:
      write(p, static_cast<float>(as_double(e)));
      return write(p + sizeof(float), static_cast<float>(e.im));
  }
}

}  // namespace

void convert_elements(const void* src, Dtype from, void* dst, Dtype to, size_t count) {
  if (count == 0) {
    return;
  }
  if (from == to) {
    std::memcpy(dst, src, count * from.size());
    return;
  }
  const auto* in = static_cast<const std::byte*>(src);
  auto* out = static_cast<std::byte*>(dst);
  for (size_t i = 0; i < count; ++i) {
    store(load(in + i * from.size(), from), out + i * to.size(), to);
  }
}

}  // namespace mlx::core
