#pragma once

// Arrays from numbers and numbers from arrays, without the kernels under test.

#include <complex>
#include <limits>
#include <vector>

#include "mlx/core/array.h"

namespace mlx::test {

inline constexpr double kInf = std::numeric_limits<double>::infinity();
inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Every dtype, in the order of Dtype::Val.
const std::vector<core::Dtype>& all_dtypes();

/// The real ones that can be differentiated.
inline constexpr core::Dtype kFloats[] = {core::float16, core::bfloat16, core::float32,
                                          core::float64};

core::array make(const std::vector<double>& values, const core::Shape& shape, core::Dtype dtype);
core::array make(const std::vector<double>& values, core::Dtype dtype);
/// Quarters between -2 and 2 without a pattern, which every real dtype of floats holds.
core::array quarters(const core::Shape& shape, core::Dtype dtype, int seed = 0);
core::array make_complex(const std::vector<std::complex<double>>& values);

/// Evaluates `a`; its elements in row-major order, whatever its layout.
std::vector<double> values(core::array a);
std::vector<std::complex<double>> complex_values(core::array a);

/// The distance between 1 and the next number of the dtype; 0 for integers.
double epsilon(core::Dtype dtype);

}  // namespace mlx::test
