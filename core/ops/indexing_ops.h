#pragma once

// The ops behind indexing.h.

#include <cstdint>
#include <vector>

#include "mlx/core/graph/op.h"
#include "mlx/core/utils.h"

namespace mlx::core {

/// Inputs: the array, one index array.
struct TakeAttrs {
  int axis;
  bool operator==(const TakeAttrs&) const = default;
};

/// Inputs: the array, one index array for each of `axes`, all of one shape.
struct GatherAttrs {
  std::vector<int> axes;
  Shape slice_sizes;
  bool operator==(const GatherAttrs&) const = default;
};

/// How an update combines with what is there.
enum class ScatterMode : uint8_t { assign, add, prod, max, min };

/// Inputs: the array, one index array for each of `axes`, the updates.
struct ScatterAttrs {
  std::vector<int> axes;
  ScatterMode mode;
  bool operator==(const ScatterAttrs&) const = default;
};

/// Inputs: the array, indices of its shape but for the axis.
struct TakeAlongAttrs {
  int axis;
  bool operator==(const TakeAlongAttrs&) const = default;
};

/// Inputs: the array, indices of its shape but for the axis, updates of the indices' shape.
struct ScatterAlongAttrs {
  int axis;
  ScatterMode mode;
  bool operator==(const ScatterAlongAttrs&) const = default;
};

extern const Op kTake;
extern const Op kGather;
extern const Op kScatter;
extern const Op kTakeAlong;
extern const Op kScatterAlong;

/// In indexing_vmap.cpp.
Mapped vmap_take(const VmapArgs& args);
Mapped vmap_gather(const VmapArgs& args);
Mapped vmap_scatter(const VmapArgs& args);
Mapped vmap_take_along(const VmapArgs& args);
Mapped vmap_scatter_along(const VmapArgs& args);

/// Errors: std::invalid_argument unless the dtype is an integer.
void check_index(const array& index, const char* op);

/// The index arrays broadcast to one shape; makes the axes non-negative.
/// Errors: std::invalid_argument for axes out of range or given twice, for
/// index arrays of other dtypes than integers, or not one for each axis.
std::vector<array> check_indices(const array& a, const std::vector<array>& indices,
                                 std::vector<int>& axes, const char* op, StreamOrDevice s);

}  // namespace mlx::core
