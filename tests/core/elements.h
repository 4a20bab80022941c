#pragma once

// Arrays from numbers and numbers from arrays, without the kernels under test.

#include <complex>
#include <vector>

#include "mlx/core/array.h"

namespace mlx::test {

/// Every dtype, in the order of Dtype::Val.
const std::vector<core::Dtype>& all_dtypes();

core::array make(const std::vector<double>& values, const core::Shape& shape, core::Dtype dtype);
core::array make(const std::vector<double>& values, core::Dtype dtype);
core::array make_complex(const std::vector<std::complex<double>>& values);

/// Evaluates `a`; its elements in row-major order, whatever its layout.
std::vector<double> values(core::array a);
std::vector<std::complex<double>> complex_values(core::array a);

/// The distance between 1 and the next number of the dtype; 0 for integers.
double epsilon(core::Dtype dtype);

}  // namespace mlx::test
