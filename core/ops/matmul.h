#pragma once

// Matrix products.

#include <optional>
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
/// Dtypes:  promoted from all three, which must give a floating-point or complex dtype.
/// Errors:  std::invalid_argument as matmul, and if c does not broadcast.
/// Grad:    all three inputs.
array addmm(array c, array a, array b, const float& alpha = 1.f, const float& beta = 1.f,
            StreamOrDevice s = {});

/// Products of chosen matrices: those of `a` and `b` that the indices name, in
/// the row-major order of their batches. The product of a mixture of experts:
/// pairs that share a matrix of `b` are multiplied together, wherever they are
/// in the indices, so `sorted_indices` makes no difference.
///
/// Shapes:  a [..., m, k], b [---, k, n], indices that broadcast together to
///          [...] -> [..., m, n]. Without one of the indices each matrix of that
///          batch once; without both as matmul. Vectors as in matmul.
/// Dtypes:  promoted, which must give a real floating-point dtype; indices any
///          integers. float16 and bfloat16 accumulate in float32.
/// Errors:  std::invalid_argument as matmul, and for indices that are not
///          integers; std::out_of_range at evaluation for an index outside the
///          batch. Negative indices count from the end.
/// Grad:    a and b; each takes the time of the product, without a copy of the
///          matrices for each pair.
array gather_mm(array a, array b, std::optional<array> lhs_indices = std::nullopt,
                std::optional<array> rhs_indices = std::nullopt, bool sorted_indices = false,
                StreamOrDevice s = {});

/// Product of matrices of which blocks of `block_size` rows and columns are
/// masked: each block of `a`, of `b` and of the result is multiplied by its
/// element of the mask. Blocks whose element is 0 or false are not computed;
/// they count as 0 even if they hold NaN.
///
/// Shapes:  a [..., m, k], b [..., k, n]; mask_out [..., m', n'], mask_lhs
///          [..., m', k'], mask_rhs [..., k', n'] with the numbers of blocks,
///          rounded up, or 1; the axes before them broadcast.
/// Dtypes:  as gather_mm; masks bool or real numbers.
/// Errors:  std::invalid_argument as matmul, for another block size than 32 or
///          64, and for masks that do not fit.
/// Grad:    a, b and masks of numbers.
array block_masked_mm(array a, array b, int block_size,
                      std::optional<array> mask_out = std::nullopt,
                      std::optional<array> mask_lhs = std::nullopt,
                      std::optional<array> mask_rhs = std::nullopt, StreamOrDevice s = {});

/// Products over segments of the inner axis: for each pair (begin, end) the
/// product of these columns of `a` and rows of `b`. Segments may be empty, overlap,
/// and leave gaps.
///
/// Shapes:  a [m, k], b [k, n], segments [..., 2] -> [..., m, n]
/// Dtypes:  as gather_mm; segments any integers.
/// Errors:  std::invalid_argument for shapes and dtypes that do not fit;
///          std::out_of_range at evaluation unless 0 <= begin <= end <= k.
/// Grad:    a and b.
array segmented_mm(array a, array b, array segments, StreamOrDevice s = {});

/// The last axis times a Hadamard matrix, of elements 1 and -1, and times `scale`
/// (by default 1/sqrt(n), so that lengths stay the same). For n = 2^k it is
/// Sylvester's matrix; for m 2^k with m = 12, 20, 28 the Kronecker product of
/// one of m rows, by Paley (12) or of circulant blocks, and Sylvester's.
///
/// Shapes:  the same; the last axis m 2^k, a scalar counts as one element.
/// Dtypes:  floating-point dtypes stay; bool and integers become float32.
///          float16 and bfloat16 compute in float32.
/// Errors:  std::invalid_argument for another length and for complex64.
/// Grad:    the transposed matrix, with the same scale.
array hadamard_transform(const array& a, std::optional<float> scale = std::nullopt,
                         StreamOrDevice s = {});

}  // namespace mlx::core
