// Kernels of views that sometimes have to move elements.

#include "mlx/core/cpu/views.h"

#include <algorithm>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/shape_ops.h"

namespace mlx::core::cpu {
namespace {

void copy_contiguous(array& out, const array& in) {
  allocate(out);
  copy_to(in, out.data<void>(), in.dtype());
}

// Strides that give `in`'s elements in `shape` without moving them; false if
// there are none. Walks both shapes from the front, matching runs of input axes
// with runs of output axes of the same size; a run can be cut differently only
// if the input's axes in it lie one inside the other.
bool reshape_strides(const array& in, const Shape& shape, Strides& strides) {
  strides = row_major(shape);
  if (in.flags().row_contiguous || in.size() == 0) {
    return true;
  }
  Shape old_shape;
  Strides old_strides;
  for (size_t i = 0; i < in.ndim(); ++i) {
    if (in.shape()[i] != 1) {
      old_shape.push_back(in.shape()[i]);
      old_strides.push_back(in.strides()[i]);
    }
  }
  size_t o = 0;  // first axis of the current output run
  for (size_t i = 0; i < old_shape.size();) {
    size_t i_end = i + 1;
    size_t o_end = o + 1;
    int64_t in_count = old_shape[i];
    int64_t out_count = shape[o];
    while (in_count != out_count) {
      if (in_count < out_count) {
        in_count *= old_shape[i_end++];
      } else {
        out_count *= shape[o_end++];
      }
    }
    for (size_t k = i; k + 1 < i_end; ++k) {
      if (old_strides[k] != old_strides[k + 1] * old_shape[k + 1]) {
        return false;
      }
    }
    int64_t step = old_strides[i_end - 1];
    for (size_t k = o_end; k-- > o;) {
      strides[k] = step;
      step *= shape[k];
    }
    i = i_end;
    o = o_end;
  }
  return true;
}

}  // namespace

void reshape(const KernelArgs& args) {
  const array& in = args.inputs[0];
  array& out = args.outputs[0];
  Strides strides;
  if (reshape_strides(in, out.shape(), strides)) {
    share_strided(out, in, strides);
    return;
  }
  copy_contiguous(out, in);
}

void as_strided(const KernelArgs& args) {
  const auto& attrs = args.attrs.get<AsStridedAttrs>();
  const array in = row_contiguous(args.inputs[0]);
  share_strided(args.outputs[0], in, attrs.strides, attrs.offset);
}

void contiguous(const KernelArgs& args) {
  const array& in = args.inputs[0];
  array& out = args.outputs[0];
  const bool col = args.attrs.get<ContiguousAttrs>().allow_col_major;
  if (in.flags().row_contiguous || (col && in.flags().col_contiguous)) {
    out.copy_shared_buffer(in);
    return;
  }
  copy_contiguous(out, in);
}

void view(const KernelArgs& args) {
  const bool same_size = args.inputs[0].itemsize() == args.outputs[0].itemsize();
  const array in = same_size ? args.inputs[0] : row_contiguous(args.inputs[0]);
  array& out = args.outputs[0];
  if (same_size) {
    out.copy_shared_buffer(in);
  } else {
    const Strides strides = row_major(out.shape());
    out.copy_shared_buffer(in, strides, layout_flags(out.shape(), strides, out.size()), out.size());
  }
}

}  // namespace mlx::core::cpu
