#pragma once

// Shape operations.
//
// What holds for all of them, unless a comment says otherwise:
//   Shapes: negative axes count from the end.
//   Dtypes: any; the result has the input's dtype.
//   Errors: std::invalid_argument for an axis out of range or given twice, or
//           for shapes that do not fit; always at the call.
//   Grad:   of every operation that moves elements: the cotangent moved back,
//           added up where an element was used more than once.
// A view shares its input's memory and costs no copy, whatever its size.

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/utils.h"

namespace mlx::core {

/// A view of the row-major elements of `a`: element (i, j, ...) is element
/// offset + i * strides[0] + j * strides[1] + ... of `a`. Copies first if `a` is
/// not row-contiguous.
/// Errors: std::invalid_argument if the view reaches outside `a`.
array as_strided(array a, Shape shape, Strides strides, size_t offset, StreamOrDevice s = {});

/// The same elements as a new array. The memory is shared, as long as nobody writes to it.
array copy(array a, StreamOrDevice s = {});

/// The elements in row-major order in another shape; one size may be -1, to be
/// inferred. A view unless the strides of `a` do not allow it.
/// Errors: std::invalid_argument if the number of elements differs, two sizes are
/// -1, or a -1 stands beside a 0.
array reshape(const array& a, Shape shape, StreamOrDevice s = {});

/// One axis cut into several; one size may be -1.
array unflatten(const array& a, int axis, Shape shape, StreamOrDevice s = {});

/// The axes from start_axis to end_axis merged into one. Axes out of range are
/// clipped; a scalar becomes a vector of one element.
/// Errors: std::invalid_argument if no axis lies between them.
array flatten(const array& a, int start_axis, int end_axis = -1, StreamOrDevice s = {});
array flatten(const array& a, StreamOrDevice s = {});

/// Without the given axes, which must have size 1; without `axes`, all such axes.
array squeeze(const array& a, const std::vector<int>& axes, StreamOrDevice s = {});
array squeeze(const array& a, int axis, StreamOrDevice s = {});
array squeeze(const array& a, StreamOrDevice s = {});

/// With new axes of size 1. The axes are positions in the result.
array expand_dims(const array& a, const std::vector<int>& axes, StreamOrDevice s = {});
array expand_dims(const array& a, int axis, StreamOrDevice s = {});

/// A view in reverse order along the axes, or along all.
array flip(const array& a, const std::vector<int>& axes, StreamOrDevice s = {});
array flip(const array& a, int axis, StreamOrDevice s = {});
array flip(const array& a, StreamOrDevice s = {});

/// The elements from `start` on, before `stop`, in steps of `strides` (1 if not
/// given, negative to go backwards), as in Python: negative positions count from
/// the end, and what lies outside is clipped. A view.
/// Errors: std::invalid_argument for a step of 0, or lists that do not have an
/// entry for each axis.
array slice(const array& a, Shape start, Shape stop, Shape strides, StreamOrDevice s = {});
array slice(const array& a, std::initializer_list<int> start, Shape stop, Shape strides,
            StreamOrDevice s = {});
array slice(const array& a, Shape start, Shape stop, StreamOrDevice s = {});

/// A slice of `slice_size` whose start along `axes` is data. A start that would
/// leave the array is moved to the nearest that does not; starts do not count from
/// the end. A view.
/// Dtypes: `start` an integer dtype, scalar or vector.
/// Errors: std::invalid_argument if a size is larger than the array's.
/// Grad: to `a`.
array slice(const array& a, const array& start, std::vector<int> axes, Shape slice_size,
            StreamOrDevice s = {});

/// `src` with a slice replaced by `update`; positions as in slice. In place when
/// nobody else holds `src`.
/// Shapes: `update` broadcasts to the slice; leading axes of size 1 may be too many.
/// Dtypes: `update` is cast to the dtype of `src`.
/// Errors: as slice.
/// Grad: to `src` outside the slice, to `update` inside.
array slice_update(const array& src, const array& update, Shape start, Shape stop, Shape strides,
                   StreamOrDevice s = {});
array slice_update(const array& src, const array& update, Shape start, Shape stop,
                   StreamOrDevice s = {});

/// The same with a start that is data, clamped as in slice.
/// Shapes: `update` has as many axes as `src` and is the slice.
array slice_update(const array& src, const array& update, const array& start, std::vector<int> axes,
                   StreamOrDevice s = {});

/// `src` with `update` added to a slice. As slice_update, but `src` gets a gradient everywhere.
array slice_update_add(const array& src, const array& update, Shape start, Shape stop,
                       Shape strides, StreamOrDevice s = {});
array slice_update_add(const array& src, const array& update, Shape start, Shape stop,
                       StreamOrDevice s = {});

/// `src` with a slice multiplied by `update`.
array slice_update_prod(const array& src, const array& update, Shape start, Shape stop,
                        Shape strides, StreamOrDevice s = {});
array slice_update_prod(const array& src, const array& update, Shape start, Shape stop,
                        StreamOrDevice s = {});

/// `src` with the larger of `update` and what is there. NaN wins.
array slice_update_max(const array& src, const array& update, Shape start, Shape stop,
                       Shape strides, StreamOrDevice s = {});
array slice_update_max(const array& src, const array& update, Shape start, Shape stop,
                       StreamOrDevice s = {});

/// `src` with the smaller of `update` and what is there. NaN wins.
array slice_update_min(const array& src, const array& update, Shape start, Shape stop,
                       Shape strides, StreamOrDevice s = {});
array slice_update_min(const array& src, const array& update, Shape start, Shape stop,
                       StreamOrDevice s = {});

/// The parts of one axis: `num_splits` equal ones, or cut before each of `indices`
/// (negative ones count from the end, those outside are clipped). Views.
/// Errors: std::invalid_argument if the axis does not divide.
std::vector<array> split(const array& a, int num_splits, int axis, StreamOrDevice s = {});
std::vector<array> split(const array& a, int num_splits, StreamOrDevice s = {});
std::vector<array> split(const array& a, const Shape& indices, int axis, StreamOrDevice s = {});
std::vector<array> split(const array& a, const Shape& indices, StreamOrDevice s = {});

/// The slices along one axis, without it. Views.
std::vector<array> unstack(const array& a, int axis, StreamOrDevice s = {});
std::vector<array> unstack(const array& a, StreamOrDevice s = {});

/// The arrays one after the other along an axis; without one, flattened first.
/// Shapes: equal but for that axis. Dtypes: promoted.
/// Errors: std::invalid_argument for no arrays, scalars, or shapes that differ.
array concatenate(std::vector<array> arrays, int axis, StreamOrDevice s = {});
array concatenate(std::vector<array> arrays, StreamOrDevice s = {});

/// The arrays along a new axis. Shapes: all equal. Dtypes: promoted.
array stack(const std::vector<array>& arrays, int axis, StreamOrDevice s = {});
array stack(const std::vector<array>& arrays, StreamOrDevice s = {});

/// Every element `repeats` times in succession along an axis; without one, flattened first.
array repeat(const array& arr, int repeats, int axis, StreamOrDevice s = {});
array repeat(const array& arr, int repeats, StreamOrDevice s = {});

/// The whole array repeated along each axis; missing repetitions are 1, in front.
array tile(const array& arr, std::vector<int> reps, StreamOrDevice s = {});

/// A view with the axes in another order: axis i of the result is axes[i]. Without
/// `axes`, in reverse order.
array transpose(const array& a, std::vector<int> axes, StreamOrDevice s = {});
array transpose(const array& a, std::initializer_list<int> axes, StreamOrDevice s = {});

/// A view with two axes exchanged. Errors: std::out_of_range for a bad axis.
array swapaxes(const array& a, int axis1, int axis2, StreamOrDevice s = {});

/// A view with one axis at another position. Errors: std::out_of_range for a bad axis.
array moveaxis(const array& a, int source, int destination, StreamOrDevice s = {});

/// With elements added before and after along the axes.
/// `mode`: "constant" adds pad_value, "edge" repeats the first and the last
/// element, "reflect" mirrors the array at them, "symmetric" beside them: to and
/// fro, as often as it takes.
/// Dtypes: pad_value is cast to the dtype of `a`.
/// Errors: std::invalid_argument for negative sizes, another mode, a pad_value of
/// more than one element, or an empty axis in another mode than "constant".
/// Grad: to `a` and to pad_value.
array pad(const array& a, const std::vector<int>& axes, const Shape& low_pad_size,
          const Shape& high_pad_size, const array& pad_value = array(0),
          const std::string& mode = "constant", StreamOrDevice s = {});
array pad(const array& a, const std::vector<std::pair<int, int>>& pad_width,
          const array& pad_value = array(0), const std::string& mode = "constant",
          StreamOrDevice s = {});
array pad(const array& a, const std::pair<int, int>& pad_width, const array& pad_value = array(0),
          const std::string& mode = "constant", StreamOrDevice s = {});
array pad(const array& a, int pad_width, const array& pad_value = array(0),
          const std::string& mode = "constant", StreamOrDevice s = {});

array transpose(const array& a, StreamOrDevice s = {});  ///< axes in reverse order

/// A view in which axes of size 1, and new leading axes, repeat.
/// Grad: the sum over what was repeated.
array broadcast_to(const array& a, const Shape& shape, StreamOrDevice s = {});

/// Views of all arrays in the shape that they broadcast to together.
std::vector<array> broadcast_arrays(const std::vector<array>& inputs, StreamOrDevice s = {});

/// The differences of neighbours along an axis, `n` times; each makes the axis one
/// shorter. bool gives whether they differ.
/// Errors: std::invalid_argument for n < 0.
array diff(const array& a, int n = 1, int axis = -1, StreamOrDevice s = {});

/// The elements (i, i + offset) of two axes, as a new last axis. A view where
/// reshape is one.
/// Errors: std::invalid_argument for fewer than two axes.
array diagonal(const array& a, int offset = 0, int axis1 = 0, int axis2 = 1, StreamOrDevice s = {});

/// Of a vector the square matrix that has it as its k-th diagonal, of a matrix
/// its k-th diagonal.
/// Errors: std::invalid_argument for other numbers of axes.
array diag(const array& a, int k = 0, StreamOrDevice s = {});

/// The sum of a diagonal.
/// Dtypes: cast to `dtype` first; without one, bool and narrow integers give at least 32 bits, as
/// in sum.
array trace(const array& a, int offset, int axis1, int axis2, Dtype dtype, StreamOrDevice s = {});
array trace(const array& a, int offset, int axis1, int axis2, StreamOrDevice s = {});
array trace(const array& a, StreamOrDevice s = {});

/// The inputs, evaluated only after the dependencies.
/// Grad: to the inputs; none to the dependencies.
std::vector<array> depends(const std::vector<array>& inputs,
                           const std::vector<array>& dependencies);

/// With at least one axis: a scalar becomes [1].
array atleast_1d(const array& a, StreamOrDevice s = {});
std::vector<array> atleast_1d(const std::vector<array>& a, StreamOrDevice s = {});

/// With at least two axes: a vector becomes [1, n].
array atleast_2d(const array& a, StreamOrDevice s = {});
std::vector<array> atleast_2d(const std::vector<array>& a, StreamOrDevice s = {});

/// With at least three axes: a vector becomes [1, n, 1], a matrix [n, m, 1].
array atleast_3d(const array& a, StreamOrDevice s = {});
std::vector<array> atleast_3d(const std::vector<array>& a, StreamOrDevice s = {});

/// The product of the sizes of the axes, or 1 over it, as a scalar. Grad: none.
array number_of_elements(const array& a, std::vector<int> axes, bool inverted, Dtype dtype = int32,
                         StreamOrDevice s = {});

/// The same bytes read as another dtype; the last axis grows or shrinks.
/// Errors: std::invalid_argument if its bytes do not divide, or for a scalar of another size.
/// Grad: of complex64 as float32 and back; else none.
array view(const array& a, const Dtype& dtype, StreamOrDevice s = {});

/// Shifted along axes, what leaves at one end returns at the other; without axes,
/// in row-major order of all elements. Several shifts go to one axis each.
array roll(const array& a, int shift, StreamOrDevice s = {});
array roll(const array& a, const Shape& shift, StreamOrDevice s = {});
array roll(const array& a, int shift, int axis, StreamOrDevice s = {});
array roll(const array& a, int shift, const std::vector<int>& axes, StreamOrDevice s = {});
array roll(const array& a, const Shape& shift, int axis, StreamOrDevice s = {});
array roll(const array& a, const Shape& shift, const std::vector<int>& axes, StreamOrDevice s = {});

/// Row-major without gaps (or column-major, if allowed): copies only if it is not.
array contiguous(const array& a, bool allow_col_major = false, StreamOrDevice s = {});

}  // namespace mlx::core
