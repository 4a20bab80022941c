#include "mlx/core/cpu/fft.h"

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/extent.h"
#include "mlx/core/cpu/fft_rows.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/fft_ops.h"

namespace mlx::core::cpu {
namespace {

FftRows rows_along(const Shape& shape, int axis, const FftAttrs& attrs) {
  const Extent extent = extent_along(shape, axis);
  return {.outer = extent.outer, .n = extent.n, .inner = extent.inner, .inverse = attrs.inverse};
}

const float* floats(const array& x) { return static_cast<const float*>(x.data<void>()); }

// The complex transforms along all axes but the last.
void other_axes(const FftAttrs& attrs, const Shape& shape, float* to, const float* from) {
  for (size_t i = 0; i + 1 < attrs.axes.size(); ++i) {
    fft_complex(rows_along(shape, attrs.axes[i], attrs), to, i == 0 ? from : to);
  }
}

}  // namespace

void fft(const KernelArgs& args) {
  const auto& attrs = args.attrs.get<FftAttrs>();
  array& out = args.outputs[0];
  const array in = row_contiguous(args.inputs[0]);
  allocate(out);
  if (out.size() == 0) return;
  auto* to = static_cast<float*>(out.data<void>());
  const bool several = attrs.axes.size() > 1;
  const int axis = attrs.axes.back();
  FftRows last =
      rows_along(attrs.kind == FftKind::from_real ? in.shape() : out.shape(), axis, attrs);
  last.scale = static_cast<float>(attrs.scale);
  switch (attrs.kind) {
    case FftKind::complex:
      other_axes(attrs, out.shape(), to, floats(in));
      fft_complex(last, to, several ? to : floats(in));
      break;
    case FftKind::from_real:
      fft_from_real(last, to, floats(in));
      other_axes(attrs, out.shape(), to, to);
      break;
    case FftKind::to_real: {
      array middle = in;
      if (several) {
        middle = make_array(in.shape(), complex64);
        allocate(middle);
        other_axes(attrs, in.shape(), static_cast<float*>(middle.data<void>()), floats(in));
      }
      fft_to_real(last, to, floats(middle));
      break;
    }
  }
}

}  // namespace mlx::core::cpu
