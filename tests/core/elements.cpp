#include "core/elements.h"

#include "mlx/core/graph/element.h"
#include "mlx/core/utils.h"

namespace mlx::test {

using namespace mlx::core;

const std::vector<Dtype>& all_dtypes() {
  static const std::vector<Dtype> dtypes = [] {
    std::vector<Dtype> all;
    for (int i = 0; i < kDtypes; ++i) {
      all.push_back(dtype_of(static_cast<Dtype::Val>(i)));
    }
    return all;
  }();
  return dtypes;
}

array make(const std::vector<double>& values, const Shape& shape, Dtype dtype) {
  return array(values.data(), shape, dtype);
}

array make(const std::vector<double>& values, Dtype dtype) {
  return make(values, {static_cast<ShapeElem>(values.size())}, dtype);
}

array quarters(const Shape& shape, Dtype dtype, int seed) {
  size_t count = 1;
  for (ShapeElem n : shape) count *= static_cast<size_t>(n);
  std::vector<double> out;
  for (size_t i = 0; i < count; ++i) {
    out.push_back(static_cast<double>((i + static_cast<size_t>(seed)) * 7919 % 17) / 4 - 2);
  }
  return make(out, shape, dtype);
}

array make_complex(const std::vector<std::complex<double>>& values) {
  const std::vector<complex64_t> narrow(values.begin(), values.end());
  return array(narrow.data(), {static_cast<ShapeElem>(narrow.size())}, complex64);
}

namespace {

// Calls visit(element) in row-major order.
template <typename Visit>
void for_each_element(array& a, Visit visit) {
  a.eval();
  const auto* base = a.data<std::byte>();
  for (size_t i = 0; i < a.size(); ++i) {
    auto rest = static_cast<int64_t>(i);
    int64_t at = 0;
    for (int axis = static_cast<int>(a.ndim()) - 1; axis >= 0; --axis) {
      at += rest % a.shape(axis) * a.strides(axis);
      rest /= a.shape(axis);
    }
    visit(base + at * static_cast<int64_t>(a.itemsize()));
  }
}

}  // namespace

std::vector<double> values(array a) {
  std::vector<double> out;
  for_each_element(a, [&](const std::byte* element) {
    convert_elements(element, a.dtype(), &out.emplace_back(), float64, 1);
  });
  return out;
}

std::vector<std::complex<double>> complex_values(array a) {
  std::vector<std::complex<double>> out;
  for_each_element(a, [&](const std::byte* element) {
    complex64_t value;
    convert_elements(element, a.dtype(), &value, complex64, 1);
    out.emplace_back(value.real(), value.imag());
  });
  return out;
}

double epsilon(Dtype dtype) { return issubdtype(dtype, inexact) ? finfo(dtype).eps : 0; }

}  // namespace mlx::test
