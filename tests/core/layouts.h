#pragma once

// The same elements in different places of memory.

#include <string>
#include <vector>

#include "core/elements.h"

namespace mlx::test {

struct Layout {
  std::string name;
  core::array x;
};

/// `values` in row-major order as a row-contiguous array and as views:
/// transposed, with gaps, and reversed.
std::vector<Layout> layouts(const std::vector<double>& values, const core::Shape& shape,
                            core::Dtype dtype);

/// 0, 1, 2, ... as the dtype can hold it; bool alternates.
std::vector<double> counting(const core::Shape& shape, core::Dtype dtype);

/// The index of a row-major position.
core::Shape unravel(int64_t position, const core::Shape& shape);
/// The row-major position of an index.
int64_t ravel(const core::Shape& index, const core::Shape& shape);
int64_t count_of(const core::Shape& shape);

}  // namespace mlx::test
