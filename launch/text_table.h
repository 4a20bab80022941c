#pragma once

#include <string>
#include <vector>

namespace mlx::launch {

/// Columns as wide as their widest cell, indented by two; the first row is the
/// head. Those of `to_the_right` stand at their right edge.
std::string table_text(const std::vector<std::vector<std::string>>& rows,
                       const std::vector<bool>& to_the_right = {});

}  // namespace mlx::launch
