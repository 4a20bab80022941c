#include "mlx/launch/text_table.h"

#include <algorithm>

namespace mlx::launch {

std::string table_text(const std::vector<std::vector<std::string>>& rows,
                       const std::vector<bool>& to_the_right) {
  std::vector<size_t> widths(rows.empty() ? 0 : rows[0].size());
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string padding(widths[c] - row[c].size(), ' ');
      const bool right = c < to_the_right.size() && to_the_right[c];
      line += "  " + (right ? padding + row[c] : row[c] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

}  // namespace mlx::launch
