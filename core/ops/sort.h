#pragma once

// Sorting and selection.
//
// Everywhere: ties keep their order, NaN comes last, complex numbers go by the
// real part first, and without an axis the array is flattened. Every dtype is
// taken. An axis that the array does not have is a std::out_of_range.

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/utils.h"

namespace mlx::core {

/// The elements in ascending order along `axis`.
/// Shapes: that of a. Dtypes: that of a.
/// Errors: std::out_of_range for a bad axis.
/// Grad: each cotangent goes to the element that its value came from.
array sort(const array& a, StreamOrDevice s = {});
array sort(const array& a, int axis, StreamOrDevice s = {});

/// The indices that sort.
/// Shapes: that of a. Dtypes: uint32.
/// Errors: std::out_of_range for a bad axis. Grad: zero.
array argsort(const array& a, StreamOrDevice s = {});
array argsort(const array& a, int axis, StreamOrDevice s = {});

/// Puts the element that sorting would put at `kth` there, smaller ones before
/// and greater ones behind it, each side in no particular order. A negative
/// `kth` counts from the end.
/// Shapes: that of a. Dtypes: that of a.
/// Errors: std::out_of_range for a bad axis, std::invalid_argument for a bad kth.
/// Grad: as sort.
array partition(const array& a, int kth, StreamOrDevice s = {});
array partition(const array& a, int kth, int axis, StreamOrDevice s = {});

/// The indices that partition.
/// Shapes: that of a. Dtypes: uint32.
/// Errors: as partition. Grad: zero.
array argpartition(const array& a, int kth, StreamOrDevice s = {});
array argpartition(const array& a, int kth, int axis, StreamOrDevice s = {});

/// Where to insert values into a sorted sequence: behind all elements that are
/// less (side "left"), or less or equal ("right").
/// Shapes: the sequence has one dimension; the result is shaped as values.
/// Dtypes: both inputs are promoted; the result is uint32.
/// Errors: std::invalid_argument for another shape or side. Grad: zero.
array searchsorted(const array& sorted_sequence, const array& values,
                   const std::string& side = "left", StreamOrDevice s = {});

/// The k greatest elements along `axis`, in no particular order.
/// Shapes: k elements along the axis. Dtypes: that of a.
/// Errors: std::out_of_range for a bad axis, std::invalid_argument for a bad k.
/// Grad: as sort.
array topk(const array& a, int k, StreamOrDevice s = {});
array topk(const array& a, int k, int axis, StreamOrDevice s = {});

}  // namespace mlx::core
