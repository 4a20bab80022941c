#pragma once

// Small things that the rules of linear algebra share; matrices are the last two axes.

#include <initializer_list>

#include "mlx/core/array.h"
#include "mlx/core/stream.h"

namespace mlx::core::linalg {

/// The axes of `a` before its matrices, then `sizes`.
Shape batch_and(const array& a, std::initializer_list<ShapeElem> sizes);

array transposed(const array& a, Stream s);
/// The conjugate of the transpose.
array adjoint(const array& a, Stream s);
/// (a + a^T) / 2, with the adjoint for complex numbers.
array symmetric_part(const array& a, Stream s);
/// Vectors as diagonals: [..., n] -> [..., n, n].
array diagonal_matrix(const array& x, Stream s);
/// The last axes cut off or filled up with zeros to `sizes`.
array resized(const array& a, std::initializer_list<ShapeElem> sizes, Stream s);
/// Columns `from` to before `to`.
array columns(const array& a, ShapeElem from, ShapeElem to, Stream s);

/// x with a x = b for complex64, by float32 matrices of twice the size.
array solved_complex(const array& a, const array& b, Stream s);
/// x with a x = b for a triangular `a`, without checks.
array solved_triangular(const array& a, const array& b, bool upper, Stream s);

}  // namespace mlx::core::linalg
