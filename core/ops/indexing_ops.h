#pragma once

// The ops behind indexing.h.

#include <cstdint>
#include <vector>

#include "mlx/core/graph/op.h"

namespace mlx::core {

/// Inputs: the array, then one index array for each of `axes`, all of one
/// shape. The result is that shape followed by `slice_sizes`.
struct GatherAttrs {
  std::vector<int> axes;
  Shape slice_sizes;
  bool operator==(const GatherAttrs&) const = default;
};
extern const Op kGather;

/// How a scatter combines the old element with the new.
enum class ScatterMode : uint8_t { assign, add, prod, max, min };

/// Inputs: the array, the updates, then the indices, as in GatherAttrs.
struct ScatterAttrs {
  std::vector<int> axes;
  ScatterMode mode;
  bool operator==(const ScatterAttrs&) const = default;
};
extern const Op kScatter;

/// Inputs: the array and indices of as many axes.
struct GatherAxisAttrs {
  int axis;
  bool operator==(const GatherAxisAttrs&) const = default;
};
extern const Op kGatherAxis;

/// Inputs: the array, the indices, the values in their shape.
struct ScatterAxisAttrs {
  int axis;
  ScatterMode mode;  // assign or add
  bool operator==(const ScatterAxisAttrs&) const = default;
};
extern const Op kScatterAxis;

}  // namespace mlx::core
