#pragma once

// Copies between layouts and dtypes, for kernels that want plain memory.

#include "mlx/core/array.h"

namespace mlx::core::cpu {

/// Writes src's elements to `dst` in row-major order, cast to `dtype`. Threaded.
void copy_to(const array& src, void* dst, Dtype dtype);

/// Writes src's elements, cast to `dtype`, to the strided place `dst` (strides
/// in elements, one for each axis of src). Threaded.
void copy_to_strided(const array& src, void* dst, Dtype dtype, const Strides& strides);

/// `src` itself if it is row-contiguous, otherwise a row-contiguous copy.
array row_contiguous(const array& src);
/// The same in dtype `dtype`.
array row_contiguous(const array& src, Dtype dtype);

/// `src` itself, unless reading it in row-major order would fetch a cache line
/// for each element of a large array: then a row-contiguous copy.
array without_transpose(const array& src);

/// Gives `out` fresh row-contiguous memory of its own shape and dtype.
void allocate(array& out);

}  // namespace mlx::core::cpu
