#pragma once

// Classes of dtypes, and the dtypes that operations compute in.

#include "mlx/core/dtype.h"
#include "mlx/core/utils.h"

namespace mlx::core {

/// Integers and booleans.
inline bool is_integer(Dtype dtype) { return dtype == bool_ || issubdtype(dtype, integer); }

/// The dtype itself if it is a float or complex, else float32.
inline Dtype at_least_float(Dtype dtype) { return issubdtype(dtype, inexact) ? dtype : float32; }

/// What sums of floats are computed in: half types would overflow.
inline Dtype accumulating(Dtype dtype) {
  return dtype == float16 || dtype == bfloat16 ? float32 : at_least_float(dtype);
}

}  // namespace mlx::core
