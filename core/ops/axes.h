#pragma once

// Axes of arrays, as the arguments of operations name them.

#include <string_view>
#include <vector>

#include "mlx/core/array.h"

namespace mlx::core {

inline int rank_of(const array& a) { return static_cast<int>(a.ndim()); }

std::vector<int> all_axes(const array& a);

/// A non-negative axis. Errors: std::out_of_range.
int checked_axis(int axis, const array& a, std::string_view op);

/// The axes sorted and non-negative. Errors: std::out_of_range,
/// std::invalid_argument for an axis given twice.
std::vector<int> checked_axes(const std::vector<int>& axes, const array& a, std::string_view op);

}  // namespace mlx::core
