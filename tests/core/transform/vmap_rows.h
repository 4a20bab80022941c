#pragma once

// Operations for the test of vmap that have no row in the derivative test:
// those without a derivative, and those whose other inputs can be mapped too.

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "core/transform/values.h"

namespace mlx::core {

using Arrays = std::vector<array>;

struct VmapRow {
  /// Unique, letters and digits only: it becomes the name of a test.
  std::string name;
  /// The inputs over the mapped axis, which is the first of each and has kMapped elements.
  Arrays wholes;
  std::function<Arrays(const Arrays&)> fun;
};

inline constexpr ShapeElem kMapped = 3;

inline void PrintTo(const VmapRow& row, std::ostream* os) { *os << row.name; }

std::vector<VmapRow> vmap_rows();

}  // namespace mlx::core
