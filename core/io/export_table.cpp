#include "mlx/core/io/export_table.h"

#include <unordered_map>

namespace mlx::core::io {

const WriteRow* find_writer(const Op& op) {
  static const auto kRows = [] {
    std::unordered_map<const Op*, const WriteRow*> rows;
    for (const auto part :
         {shape_writers(), reduction_writers(), indexing_writers(), product_writers(),
          chosen_writers(), quantized_writers(), linalg_writers(), fast_writers()}) {
      for (const WriteRow& row : part) rows.emplace(row.op, &row);
    }
    return rows;
  }();
  const auto found = kRows.find(&op);
  return found == kRows.end() ? nullptr : found->second;
}

const ReadRow* find_reader(std::string_view name) {
  static const auto kRows = [] {
    std::unordered_map<std::string_view, const ReadRow*> rows;
    for (const auto part : {elementwise_readers(), shape_readers(), reduction_readers(),
                            indexing_readers(), product_readers(), chosen_readers(),
                            quantized_readers(), linalg_readers(), fast_readers()}) {
      for (const ReadRow& row : part) rows.emplace(row.name, &row);
    }
    return rows;
  }();
  const auto found = kRows.find(name);
  return found == kRows.end() ? nullptr : found->second;
}

}  // namespace mlx::core::io
