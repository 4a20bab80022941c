#pragma once

// Functions of every family of operations, to be stored in files and called from there.

#include <functional>
#include <string>
#include <vector>

#include "mlx/core/ops.h"

namespace mlx::core {

struct ExportRow {
  std::string name;
  std::function<std::vector<array>(const std::vector<array>&)> fun;
  std::vector<array> inputs;
};
using ExportRows = std::vector<ExportRow>;

/// All of them.
ExportRows export_rows();

// Its parts.
void add_elementwise_rows(ExportRows& rows);
void add_reduction_rows(ExportRows& rows);
void add_shape_rows(ExportRows& rows);
void add_indexing_rows(ExportRows& rows);
void add_product_rows(ExportRows& rows);
void add_linalg_rows(ExportRows& rows);
void add_layer_rows(ExportRows& rows);

// Inputs without a pattern: in [low, high), and from 0 to below.
array numbers(const Shape& shape, double low = -2, double high = 2, Dtype dtype = float32);
array integers(const Shape& shape, int below, Dtype dtype = int32);
array complexes(const Shape& shape);

#define FUN(...) [](const std::vector<array>& in) -> std::vector<array> { return {__VA_ARGS__}; }

}  // namespace mlx::core
