#include "mlx/core/cpu/slice.h"

#include <algorithm>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/graph/element.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/shape_ops.h"

namespace mlx::core::cpu {
namespace {

std::byte* address(array& a, int64_t offset) {
  return a.data<std::byte>() + offset * static_cast<int64_t>(a.itemsize());
}

// Where a dynamic slice begins in an array with these strides.
int64_t clamped_start(const array& start, const DynamicSliceAttrs& attrs, const Shape& shape,
                      const Strides& strides) {
  int64_t offset = 0;
  const array starts = row_contiguous(start);
  for (size_t i = 0; i < attrs.axes.size(); ++i) {
    const int axis = attrs.axes[i];
    int64_t position;
    convert_elements(starts.data<std::byte>() + i * starts.itemsize(), starts.dtype(), &position,
                     int64, 1);
    offset += std::clamp<int64_t>(position, 0, shape[axis] - attrs.shape[axis]) * strides[axis];
  }
  return offset;
}

}  // namespace

void begin_from(array& out, array& src) {
  if (src.flags().row_contiguous && src.is_donatable()) {
    out.copy_shared_buffer(src);
    return;
  }
  allocate(out);
  copy_to(src, out.data<void>(), src.dtype());
}

void slice_update(const KernelArgs& args) {
  const auto& slice = args.attrs.get<SliceAttrs>();
  array& out = args.outputs[0];
  begin_from(out, args.inputs[0]);
  Strides strides = out.strides();
  int64_t offset = 0;
  for (size_t i = 0; i < out.ndim(); ++i) {
    offset += slice.start[i] * strides[i];
    strides[i] *= slice.strides[i];
  }
  copy_to_strided(args.inputs[1], address(out, offset), out.dtype(), strides);
}

void concatenate(const KernelArgs& args) {
  const int axis = args.attrs.get<ConcatenateAttrs>().axis;
  array& out = args.outputs[0];
  allocate(out);
  int64_t offset = 0;
  for (const array& in : args.inputs) {
    copy_to_strided(in, address(out, offset), out.dtype(), out.strides());
    offset += in.shape()[axis] * out.strides()[axis];
  }
}

void dynamic_slice(const KernelArgs& args) {
  const array& in = args.inputs[0];
  array& out = args.outputs[0];
  const int64_t offset =
      clamped_start(args.inputs[1], args.attrs.get<DynamicSliceAttrs>(), in.shape(), in.strides());
  const size_t span = strided_span(out.shape(), in.strides());
  out.copy_shared_buffer(in, in.strides(), layout_flags(out.shape(), in.strides(), span), span,
                         offset);
}

void dynamic_slice_update(const KernelArgs& args) {
  array& out = args.outputs[0];
  begin_from(out, args.inputs[0]);
  const int64_t offset = clamped_start(args.inputs[2], args.attrs.get<DynamicSliceAttrs>(),
                                       out.shape(), out.strides());
  copy_to_strided(args.inputs[1], address(out, offset), out.dtype(), out.strides());
}

}  // namespace mlx::core::cpu
