#pragma once

// Reductions over axes, softmax and cumulative operations.
//
// A reduction without axes is over all of them; negative axes count from the
// end; `keepdims` leaves reduced axes with size 1. Sums and products of floats
// accumulate in double, those of half types are rounded once. The result does
// not depend on the number of threads. Element-wise operations that make the
// operand are computed on the way, without storing it.

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/utils.h"

namespace mlx::core {

/// Whether two arrays have the same shape and equal elements; NaN equals NaN
/// only if asked for.
/// Shapes: any; the result is a scalar. Dtypes: any, promoted; bool. Grad: none.
array array_equal(const array& a, const array& b, bool equal_nan, StreamOrDevice s = {});
array array_equal(const array& a, const array& b, StreamOrDevice s = {});

/// Whether every element is not 0 (true of none).
/// Dtypes: any; bool. Errors: std::out_of_range for a bad axis,
/// std::invalid_argument for an axis given twice. Grad: none.
array all(const array& a, bool keepdims, StreamOrDevice s = {});
array all(const array& a, StreamOrDevice s = {});

/// Whether |a - b| <= atol + rtol * |b| everywhere; equal infinities are close.
/// Shapes: broadcast; the result is a scalar. Dtypes: any, promoted; bool.
/// Errors: std::invalid_argument for shapes that do not broadcast. Grad: none.
array allclose(const array& a, const array& b, double rtol = 1e-5, double atol = 1e-8,
               bool equal_nan = false, StreamOrDevice s = {});

array all(const array& a, const std::vector<int>& axes, bool keepdims = false,
          StreamOrDevice s = {});
array all(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {});

/// Whether some element is not 0 (false of none).
/// Dtypes: any; bool. Errors: as all. Grad: none.
array any(const array& a, bool keepdims, StreamOrDevice s = {});
array any(const array& a, StreamOrDevice s = {});
array any(const array& a, const std::vector<int>& axes, bool keepdims = false,
          StreamOrDevice s = {});
array any(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {});

/// The sum; 0 of nothing. With an empty list of axes the array itself.
/// Dtypes: bool and signed integers below 32 bits give int32, unsigned ones
/// uint32, others their own. Errors: as all.
/// Grad: the cotangent, broadcast.
array sum(const array& a, bool keepdims, StreamOrDevice s = {});
array sum(const array& a, StreamOrDevice s = {});
array sum(const array& a, const std::vector<int>& axes, bool keepdims = false,
          StreamOrDevice s = {});
array sum(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {});

/// The number of elements that are not 0.
/// Dtypes: any; int32. Errors: as all. Grad: none.
array count_nonzero(const array& a, bool keepdims = false, StreamOrDevice s = {});
array count_nonzero(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {});
array count_nonzero(const array& a, const std::vector<int>& axes, bool keepdims = false,
                    StreamOrDevice s = {});

/// The mean; NaN of nothing.
/// Dtypes: float32 at least; half types are averaged in float32.
/// Errors: std::invalid_argument for a bad axis. Grad: the cotangent's share.
array mean(const array& a, bool keepdims, StreamOrDevice s = {});
array mean(const array& a, StreamOrDevice s = {});
array mean(const array& a, const std::vector<int>& axes, bool keepdims = false,
           StreamOrDevice s = {});
array mean(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {});

/// The middle one of the sorted elements, or the mean of the middle two; NaN if
/// one is NaN.
/// Dtypes: float32 at least. Errors: std::invalid_argument for a bad axis or no
/// elements. Grad: flows to the middle elements.
array median(const array& a, bool keepdims, StreamOrDevice s = {});
array median(const array& a, StreamOrDevice s = {});
array median(const array& a, const std::vector<int>& axes, bool keepdims = false,
             StreamOrDevice s = {});
array median(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {});

/// The variance: squared distances from the mean, divided by the number of
/// elements less `ddof` (by 0 if that is negative).
/// Dtypes: float32 at least; complex64 gives float32.
/// Errors: std::invalid_argument for a bad axis. Grad: yes.
array var(const array& a, bool keepdims, int ddof = 0, StreamOrDevice s = {});
array var(const array& a, StreamOrDevice s = {});
array var(const array& a, const std::vector<int>& axes, bool keepdims = false, int ddof = 0,
          StreamOrDevice s = {});
array var(const array& a, int axis, bool keepdims = false, int ddof = 0, StreamOrDevice s = {});

/// The standard deviation, the root of var().
/// Dtypes, Errors: as var. Grad: yes; NaN where the deviation is 0.
array std(const array& a, bool keepdims, int ddof = 0, StreamOrDevice s = {});
array std(const array& a, StreamOrDevice s = {});
array std(const array& a, const std::vector<int>& axes, bool keepdims = false, int ddof = 0,
          StreamOrDevice s = {});
array std(const array& a, int axis, bool keepdims = false, int ddof = 0, StreamOrDevice s = {});

/// The product; 1 of nothing. With an empty list of axes the array itself.
/// Dtypes, Errors: as sum. Grad: the product of the others, also where some are 0.
array prod(const array& a, bool keepdims, StreamOrDevice s = {});
array prod(const array& a, StreamOrDevice s = {});
array prod(const array& a, const std::vector<int>& axes, bool keepdims = false,
           StreamOrDevice s = {});
array prod(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {});

/// The greatest element; NaN if one is NaN; complex numbers go by the real part
/// first. With an empty list of axes the array itself.
/// Dtypes: that of a. Errors: as all, and std::invalid_argument for an empty axis.
/// Grad: equal elements share the cotangent.
array max(const array& a, bool keepdims, StreamOrDevice s = {});
array max(const array& a, StreamOrDevice s = {});
array max(const array& a, const std::vector<int>& axes, bool keepdims = false,
          StreamOrDevice s = {});
array max(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {});

/// The smallest element. All else as max.
array min(const array& a, bool keepdims, StreamOrDevice s = {});
array min(const array& a, StreamOrDevice s = {});
array min(const array& a, const std::vector<int>& axes, bool keepdims = false,
          StreamOrDevice s = {});
array min(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {});

/// The index of the smallest element along an axis, or in the flattened array;
/// the first of equals. A NaN wins only in the first position.
/// Dtypes: any; uint32. Errors: std::out_of_range for a bad axis,
/// std::invalid_argument for an empty one. Grad: zero.
array argmin(const array& a, bool keepdims, StreamOrDevice s = {});
array argmin(const array& a, StreamOrDevice s = {});
array argmin(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {});

/// The index of the greatest element. All else as argmin.
array argmax(const array& a, bool keepdims, StreamOrDevice s = {});
array argmax(const array& a, StreamOrDevice s = {});
array argmax(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {});

/// log of the cumulative sum of exp, without overflow. Arguments as cumsum.
/// Dtypes: that of a. Errors: std::invalid_argument for a bad axis. Grad: yes.
array logcumsumexp(const array& a, bool reverse = false, bool inclusive = true,
                   StreamOrDevice s = {});
array logcumsumexp(const array& a, int axis, bool reverse = false, bool inclusive = true,
                   StreamOrDevice s = {});

/// log of the sum of exp, without overflow; -inf if all elements are.
/// Dtypes: float32 at least. Errors: as max. Grad: softmax.
array logsumexp(const array& a, bool keepdims, StreamOrDevice s = {});
array logsumexp(const array& a, StreamOrDevice s = {});
array logsumexp(const array& a, const std::vector<int>& axes, bool keepdims = false,
                StreamOrDevice s = {});
array logsumexp(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {});

/// exp, divided by its sum over the axes; without overflow. A row that is -inf
/// throughout, or has inf or NaN, is NaN. Without `precise`, half types are
/// computed in their own precision unless the axis is the last.
/// Shapes: that of a. Dtypes: along the last axis float32 at least, otherwise that of a.
/// Errors: std::out_of_range for a bad axis, std::invalid_argument for one
/// given twice. Grad: yes.
array softmax(const array& a, const std::vector<int>& axes, bool precise = false,
              StreamOrDevice s = {});
array softmax(const array& a, bool precise = false, StreamOrDevice s = {});
array softmax(const array& a, int axis, bool precise = false, StreamOrDevice s = {});

/// Sums of all elements up to each one along an axis, or in the flattened array.
/// `reverse` goes from the end; not `inclusive` leaves out the element itself,
/// so that the first is 0.
/// Shapes: that of a. Dtypes: that of a, bool as int32, or `dtype`.
/// Errors: std::invalid_argument for a bad axis. Grad: the cumulative sum from the other end.
array cumsum(const array& a, bool reverse = false, bool inclusive = true,
             std::optional<Dtype> dtype = std::nullopt, StreamOrDevice s = {});
array cumsum(const array& a, bool reverse, bool inclusive, StreamOrDevice s);
array cumsum(const array& a, int axis, bool reverse = false, bool inclusive = true,
             std::optional<Dtype> dtype = std::nullopt, StreamOrDevice s = {});
array cumsum(const array& a, int axis, bool reverse, bool inclusive, StreamOrDevice s);

/// Cumulative products; arguments as cumsum.
/// Dtypes: that of a, or `dtype`. Errors: std::invalid_argument for a bad axis.
/// Grad: right also at 0, with work and memory in the square of the axis' length.
array cumprod(const array& a, bool reverse = false, bool inclusive = true,
              std::optional<Dtype> dtype = std::nullopt, StreamOrDevice s = {});
array cumprod(const array& a, bool reverse, bool inclusive, StreamOrDevice s);
array cumprod(const array& a, int axis, bool reverse = false, bool inclusive = true,
              std::optional<Dtype> dtype = std::nullopt, StreamOrDevice s = {});
array cumprod(const array& a, int axis, bool reverse, bool inclusive, StreamOrDevice s);

/// The greatest so far; NaN from the first NaN on. Arguments as cumsum; the
/// first of an exclusive one is the lowest value of the dtype (-inf).
/// Dtypes: that of a. Errors: std::invalid_argument for a bad axis.
/// Grad: each cotangent goes to the latest element with that value.
array cummax(const array& a, bool reverse = false, bool inclusive = true, StreamOrDevice s = {});
array cummax(const array& a, int axis, bool reverse = false, bool inclusive = true,
             StreamOrDevice s = {});

/// The smallest so far. All else as cummax.
array cummin(const array& a, bool reverse = false, bool inclusive = true, StreamOrDevice s = {});
array cummin(const array& a, int axis, bool reverse = false, bool inclusive = true,
             StreamOrDevice s = {});

}  // namespace mlx::core
