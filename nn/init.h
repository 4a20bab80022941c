#pragma once

// Initializers: functions from an array to a new one of its shape.
//
// fan_in is the product of all sizes but the first, fan_out that of all but
// the last, as weights [out, kernel..., in] have them.
//
// Errors (at the call): std::invalid_argument if a fan is needed and the array
// has less than 2 dimensions.

#include <functional>

#include "mlx/core/array.h"

namespace mlx::nn::init {

using core::array;
using core::Dtype;
using core::float32;

using Initializer = std::function<array(const array&)>;

enum class Fan { in, out };

/// Every element `value`.
Initializer constant(float value, Dtype dtype = float32);
Initializer normal(float mean = 0, float std = 1, Dtype dtype = float32);
/// Uniform in [low, high).
Initializer uniform(float low = 0, float high = 1, Dtype dtype = float32);
/// The identity matrix. Errors: std::invalid_argument unless the array is a square matrix.
Initializer identity(Dtype dtype = float32);
/// Normal with deviation gain * sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010).
Initializer glorot_normal(Dtype dtype = float32, float gain = 1);
/// Uniform within gain * sqrt(6 / (fan_in + fan_out)).
Initializer glorot_uniform(Dtype dtype = float32, float gain = 1);
/// Normal with deviation gain / sqrt(fan) (He et al., 2015).
Initializer he_normal(Dtype dtype = float32, Fan fan = Fan::in, float gain = 1);
/// Uniform within gain * sqrt(3 / fan).
Initializer he_uniform(Dtype dtype = float32, Fan fan = Fan::in, float gain = 1);

}  // namespace mlx::nn::init
