#pragma once

// What the rules of vmap share. Most move the mapped axis to the front, where
// it is one more batch axis, and make the same operation again.

#include <vector>

#include "mlx/core/graph/op.h"

namespace mlx::core {

ShapeElem mapped_size(const VmapArgs& args);
inline bool is_mapped(const VmapArgs& args, size_t input) { return args.axes[input] >= 0; }
/// Whether any of the inputs [begin, end) is.
bool any_mapped(const VmapArgs& args, size_t begin, size_t end);

/// `x` repeated `size` times along a new first axis.
array repeated(const array& x, ShapeElem size, Stream s);

/// The input with its mapped axis in front; as it is if it is not mapped.
array in_front(const VmapArgs& args, size_t input);
/// The same, with ones behind the mapped axis so that `axes` axes follow it.
array in_front_of(const VmapArgs& args, size_t input, size_t axes);
/// In front, with an input that is not mapped repeated along the axis.
array repeated_in_front(const VmapArgs& args, size_t input);
/// All inputs, repeated.
Arrays all_in_front(const VmapArgs& args);
/// For operations that broadcast: the mapped axis in front of as many axes as
/// the input with the most has. Inputs that are not mapped stay as they are.
Arrays aligned_in_front(const VmapArgs& args);

/// Axes and sizes of the same array with the mapped axis in front.
std::vector<int> behind_mapped(std::vector<int> axes);
Shape behind_mapped(ShapeElem mapped, const Shape& shape);

/// Results that have the mapped axis in front.
Mapped mapped_in_front(Arrays outputs);
/// The results of `op` on all inputs with the mapped axis in front.
Mapped map_in_front(const Op& op, const VmapArgs& args, Attrs attrs);

/// The rule of every element-wise operation.
Mapped map_elementwise(const Op& op, const VmapArgs& args);

}  // namespace mlx::core
