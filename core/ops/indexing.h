#pragma once

// Reading and writing at indices.
//
// What holds for all of them:
//   Dtypes: the array's, any; indices any integer dtype; updates are cast to
//           the array's dtype.
//   Errors: at the call std::invalid_argument for bool or floating-point
//           indices, bad axes and shapes that do not fit; at evaluation
//           std::out_of_range for an index outside its axis. Negative indices
//           count from the end once.
//   Grad:   to the array and the updates; none to the indices.

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/utils.h"

namespace mlx::core {

/// Slices of `slice_sizes` that begin at the indices along `axes` and at 0 along
/// the others.
/// Shapes: the index arrays broadcast together; the result has their shape
/// followed by slice_sizes (axes of size 1 stay).
/// Errors: also std::out_of_range for a slice that begins inside but ends outside.
array gather(const array& a, const std::vector<array>& indices, const std::vector<int>& axes,
             const Shape& slice_sizes, StreamOrDevice s = {});
array gather(const array& a, const array& indices, int axis, const Shape& slice_sizes,
             StreamOrDevice s = {});

/// The slices of one axis at the indices; without an axis, elements of the
/// flattened array. An index known on the host gives a view.
/// Shapes: the axis is replaced by the shape of the indices.
/// Errors: std::out_of_range at the call for a bad index known on the host;
/// std::invalid_argument for indices into an empty axis.
array take(const array& a, const array& indices, int axis, StreamOrDevice s = {});
array take(const array& a, int index, int axis, StreamOrDevice s = {});
array take(const array& a, const array& indices, StreamOrDevice s = {});
array take(const array& a, int index, StreamOrDevice s = {});

/// out[i, j, ...] = a[i, indices[i, j, ...], ...] for axis 1, and so on.
/// Shapes: as many axes each; all but `axis` broadcast. The result has the shape of
/// the indices.
array take_along_axis(const array& a, const array& indices, int axis, StreamOrDevice s = {});

/// `a` with a[i, indices[i, j, ...], ...] = values[i, j, ...] for axis 1, and so
/// on. Of several values for one place the last stays.
/// Shapes: the indices have as many axes as `a`, and but for `axis` broadcast to
/// its shape; the values broadcast to the shape of the indices.
/// Grad: with repeated places, to all of their values.
array put_along_axis(const array& a, const array& indices, const array& values, int axis,
                     StreamOrDevice s = {});

/// As put_along_axis, but the values are added to what is there, one after the
/// other. float16 and bfloat16 add up in float32.
array scatter_add_axis(const array& a, const array& indices, const array& values, int axis,
                       StreamOrDevice s = {});

/// `a` with slices replaced by updates, which begin at the indices along `axes` and
/// at 0 along the others. Of several updates for one place the last stays.
/// Shapes: the index arrays broadcast together; the updates have their shape
/// followed by that of a slice, which has as many axes as `a`.
/// Grad: with repeated places, to all of their updates.
array scatter(const array& a, const std::vector<array>& indices, const array& updates,
              const std::vector<int>& axes, StreamOrDevice s = {});
array scatter(const array& a, const array& indices, const array& updates, int axis,
              StreamOrDevice s = {});

/// scatter, but the updates are added to what is there, in order: the result does
/// not depend on the number of threads. float16 and bfloat16 add up in float32;
/// bool adds by or.
array scatter_add(const array& a, const std::vector<array>& indices, const array& updates,
                  const std::vector<int>& axes, StreamOrDevice s = {});
array scatter_add(const array& a, const array& indices, const array& updates, int axis,
                  StreamOrDevice s = {});

/// scatter, but the updates multiply what is there; bool by and.
/// Grad: right for factors of zero, too; its own gradient is right for factors other than zero.
array scatter_prod(const array& a, const std::vector<array>& indices, const array& updates,
                   const std::vector<int>& axes, StreamOrDevice s = {});
array scatter_prod(const array& a, const array& indices, const array& updates, int axis,
                   StreamOrDevice s = {});

/// scatter, but the larger of update and what is there stays. NaN wins.
/// Grad: to everything that equals the result.
array scatter_max(const array& a, const std::vector<array>& indices, const array& updates,
                  const std::vector<int>& axes, StreamOrDevice s = {});
array scatter_max(const array& a, const array& indices, const array& updates, int axis,
                  StreamOrDevice s = {});

/// scatter, but the smaller of update and what is there stays. NaN wins.
/// Grad: to everything that equals the result.
array scatter_min(const array& a, const std::vector<array>& indices, const array& updates,
                  const std::vector<int>& axes, StreamOrDevice s = {});
array scatter_min(const array& a, const array& indices, const array& updates, int axis,
                  StreamOrDevice s = {});

/// `a` with the elements that the mask chooses replaced by those of `src`, one after
/// the other in row-major order.
/// Shapes: the mask's shape is that of the leading axes of `a`; `src` has any shape,
/// a scalar goes to all chosen elements.
/// Dtypes: the mask bool.
/// Errors: std::out_of_range at evaluation if `src` has too few elements; an empty
/// `src` gives `a`.
array masked_scatter(const array& a, const array& mask, const array& src, StreamOrDevice s = {});

}  // namespace mlx::core
