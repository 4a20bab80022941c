#pragma once

// The axes of reductions, and other rules that reductions share.

#include <vector>

#include "mlx/core/ops/axes.h"
#include "mlx/core/utils.h"

namespace mlx::core {

Shape reduced_shape(const Shape& shape, const std::vector<int>& axes, bool keepdims);

/// The elements that reduce to one.
int64_t reduced_count(const array& a, const std::vector<int>& axes);

/// `a` as [what is kept, the reduced axes as one]. The shape before the last
/// step, for the way back, is that of transpose(a, kept_axes_first(a, axes)).
array reduced_last(const array& a, const std::vector<int>& axes, Stream s);
std::vector<int> kept_axes_first(const array& a, const std::vector<int>& axes);

}  // namespace mlx::core

// The overloads that every reduction has: over everything, over one axis.
#define MLX_REDUCTION_OVERLOADS(name)                                     \
  array name(const array& a, bool keepdims, StreamOrDevice s) {           \
    return name(a, all_axes(a), keepdims, std::move(s));                  \
  }                                                                       \
  array name(const array& a, StreamOrDevice s) {                          \
    return name(a, all_axes(a), false, std::move(s));                     \
  }                                                                       \
  array name(const array& a, int axis, bool keepdims, StreamOrDevice s) { \
    return name(a, std::vector<int>{axis}, keepdims, std::move(s));       \
  }
