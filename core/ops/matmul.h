#pragma once

// Matrix products.

#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/utils.h"

namespace mlx::core {

/// Matrix product over the last two axes; the axes before them broadcast. A
/// vector on the left is a row, one on the right a column; their axis is not in
/// the result. Transposed and strided inputs are read in place.
///
/// Shapes:  a [..., m, k], b [..., k, n] -> [..., m, n]
/// Dtypes:  promoted, which must give an inexact dtype. float16 and bfloat16
///          accumulate in float32 and are rounded once.
/// Errors:  std::invalid_argument on scalars, inner sizes that differ, batch
///          axes that do not broadcast, integers.
/// Grad:    both inputs; complex cotangents meet the conjugate of the other input.
array matmul(const array& a, const array& b, StreamOrDevice s = {});

/// Kronecker product: each element of `a` replaced by itself times `b`.
///
/// Shapes:  a [a0, a1, ...], b [b0, b1, ...] -> [a0 b0, a1 b1, ...], the
///          shorter shape with leading axes of one element
/// Dtypes:  promoted.
/// Grad:    both inputs.
array kron(const array& a, const array& b, StreamOrDevice s = {});

/// Sums products over the last `axis` axes of `a` and the first of `b`.
///
/// Dtypes, Errors, Grad: as matmul. Errors also if `axis` is negative, more than
/// the axes of an input, or the sizes of the axes differ.
array tensordot(const array& a, const array& b, const int axis = 2, StreamOrDevice s = {});
/// Sums products over pairs of axes.
///
/// Shapes:  the other axes of a, then those of b.
array tensordot(const array& a, const array& b, const std::vector<int>& axes_a,
                const std::vector<int>& axes_b, StreamOrDevice s = {});

/// All products of an element of `a` and an element of `b`.
///
/// Shapes:  any -> [a.size(), b.size()]
/// Dtypes:  promoted.
/// Grad:    both inputs.
array outer(const array& a, const array& b, StreamOrDevice s = {});

/// Sums products over the last axes; a scalar multiplies.
///
/// Shapes:  a [..., k], b [---, k] -> [..., ---]
/// Dtypes, Errors, Grad: as matmul.
array inner(const array& a, const array& b, StreamOrDevice s = {});

/// The sum of conj(a) b over one axis of the broadcast inputs.
///
/// Shapes:  the broadcast shape without `axis`, whose size both inputs have
/// Dtypes:  that of sum(a * b); integers are allowed.
/// Errors:  std::invalid_argument on scalars and on sizes that differ.
/// Grad:    both inputs.
array vecdot(const array& a, const array& b, int axis = -1, StreamOrDevice s = {});

/// alpha (a b) + beta c in one pass.
///
/// Shapes:  a and b as in matmul; c broadcasts to the result.
/// Dtypes:  promoted from all three, which must give a real floating-point dtype.
/// Errors:  std::invalid_argument as matmul, and if c does not broadcast.
/// Grad:    all three inputs.
array addmm(array c, array a, array b, const float& alpha = 1.f, const float& beta = 1.f,
            StreamOrDevice s = {});

}  // namespace mlx::core
