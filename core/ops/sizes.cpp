// Sizes as numbers: constants, or nodes where shapeless compilation traces.

#include "mlx/core/ops/sizes.h"

#include "mlx/core/allocator.h"
#include "mlx/core/graph/element.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/graph/trace.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/utils.h"

namespace mlx::core {
namespace {

double count_along(const Shape& shape, const CountAttrs& attrs) {
  double count = 1;
  for (int axis : attrs.axes) {
    count *= static_cast<double>(shape[static_cast<size_t>(axis)]);
  }
  return attrs.inverted ? 1.0 / count : count;
}

Type infer_count(Inputs, const Attrs& attrs) { return {Shape{}, attrs.get<CountAttrs>().dtype}; }

void run_count(const KernelArgs& args) {
  const double count = count_along(args.inputs[0].shape(), args.attrs.get<CountAttrs>());
  array& out = args.outputs[0];
  out.set_data(allocator::malloc(out.nbytes()));
  convert_elements(&count, float64, out.data<void>(), out.dtype(), 1);
}

// The mapped axis does not count.
Mapped vmap_count(const VmapArgs& args) {
  CountAttrs attrs = args.attrs.get<CountAttrs>();
  attrs.axes = behind_mapped(attrs.axes);
  return {{make_node(kNumberOfElements, {in_front(args, 0)}, Attrs(std::move(attrs)), args.stream)},
          {-1}};
}

}  // namespace

constinit const Op kNumberOfElements{
    .name = "NumberOfElements", .infer = infer_count, .vmap = vmap_count, .run = run_count};

array number_of_elements(const array& a, std::vector<int> axes, bool inverted, Dtype dtype,
                         StreamOrDevice s) {
  for (int& axis : axes) {
    axis = normalize_axis_index(axis, static_cast<int>(a.ndim()), "[number_of_elements] ");
  }
  CountAttrs attrs{std::move(axes), inverted, dtype};
  if (!ShapelessScope::active()) {
    return array(count_along(a.shape(), attrs), dtype);
  }
  return make_node(kNumberOfElements, {stop_gradient(a, s)}, Attrs(std::move(attrs)), to_stream(s));
}

}  // namespace mlx::core
