#pragma once

// Single matrices of a batch, as gemm reads them.

#include <functional>

#include "mlx/core/array.h"
#include "mlx/core/cpu/gemm.h"

namespace mlx::core::cpu {

/// The last `axes` axes of `x` at one place of a batch, in place. `index` counts in
/// row-major order over `batch`, to which the other axes broadcast.
array item_of(const array& x, const Shape& batch, int64_t index, size_t axes = 2);

/// A matrix as its transpose, in place.
array transposed_view(const array& matrix);

/// A row-major copy.
array copied(const array& x, Dtype dtype);

/// A matrix that gemm can read.
struct Matrix {
  array memory;  ///< keeps it
  GemmOperand operand;
};

/// In place if dtype and strides allow, otherwise a copy.
Matrix readable(const array& matrix, Dtype dtype);

/// The dtype in which parts of products are added up: float64 or float32.
Dtype sum_dtype(Dtype dtype);

/// Calls `compute` with `out`, or with an array of `dtype` that becomes `out`.
void compute_in(Dtype dtype, array& out, const std::function<void(array&)>& compute);

}  // namespace mlx::core::cpu
