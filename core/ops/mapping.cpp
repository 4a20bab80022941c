#include "mlx/core/ops/mapping.h"

#include <algorithm>
#include <numeric>

#include "mlx/core/ops/shape.h"

namespace mlx::core {

ShapeElem mapped_size(const VmapArgs& args) {
  size_t input = 0;
  while (!is_mapped(args, input)) {
    ++input;
  }
  return args.inputs[input].shape(args.axes[input]);
}

bool any_mapped(const VmapArgs& args, size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) {
    if (is_mapped(args, i)) return true;
  }
  return false;
}

array repeated(const array& x, ShapeElem size, Stream s) {
  return broadcast_to(expand_dims(x, 0, s), behind_mapped(size, x.shape()), s);
}

array in_front(const VmapArgs& args, size_t input) {
  const array& x = args.inputs[input];
  return is_mapped(args, input) ? moveaxis(x, args.axes[input], 0, args.stream) : x;
}

array in_front_of(const VmapArgs& args, size_t input, size_t axes) {
  array x = in_front(args, input);
  if (!is_mapped(args, input) || x.ndim() > axes) {
    return x;
  }
  std::vector<int> new_axes(axes + 1 - x.ndim());
  std::iota(new_axes.begin(), new_axes.end(), 1);
  return expand_dims(x, new_axes, args.stream);
}

array repeated_in_front(const VmapArgs& args, size_t input) {
  return is_mapped(args, input) ? in_front(args, input)
                                : repeated(args.inputs[input], mapped_size(args), args.stream);
}

Arrays all_in_front(const VmapArgs& args) {
  Arrays moved;
  for (size_t i = 0; i < args.inputs.size(); ++i) {
    moved.push_back(repeated_in_front(args, i));
  }
  return moved;
}

Arrays aligned_in_front(const VmapArgs& args) {
  const auto own_axes = [&](size_t i) {
    return args.inputs[i].ndim() - (is_mapped(args, i) ? 1 : 0);
  };
  size_t most = 0;
  for (size_t i = 0; i < args.inputs.size(); ++i) {
    most = std::max(most, own_axes(i));
  }
  Arrays aligned;
  for (size_t i = 0; i < args.inputs.size(); ++i) {
    aligned.push_back(in_front_of(args, i, most));
  }
  return aligned;
}

std::vector<int> behind_mapped(std::vector<int> axes) {
  for (int& axis : axes) {
    ++axis;
  }
  return axes;
}

Shape behind_mapped(ShapeElem mapped, const Shape& shape) {
  Shape out = shape;
  out.insert(out.begin(), mapped);
  return out;
}

Mapped mapped_in_front(Arrays outputs) {
  std::vector<int> axes(outputs.size(), 0);
  return {std::move(outputs), std::move(axes)};
}

Mapped map_in_front(const Op& op, const VmapArgs& args, Attrs attrs) {
  return mapped_in_front(make_nodes(op, all_in_front(args), std::move(attrs), args.stream));
}

Mapped map_elementwise(const Op& op, const VmapArgs& args) {
  // One operand keeps its layout.
  if (args.inputs.size() == 1) {
    return {{make_node(op, {args.inputs[0]}, args.attrs, args.stream)}, {args.axes[0]}};
  }
  return mapped_in_front({make_node(op, aligned_in_front(args), args.attrs, args.stream)});
}

}  // namespace mlx::core
