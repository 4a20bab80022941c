#pragma once

// What einsum is to do, as numbers: which labels its operands have, and in
// which order they are contracted.

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mlx/core/array.h"

namespace mlx::core {

/// A letter, or an axis of "...": those are counted from kFirstUnnamed on.
using Label = int;
using Labels = std::vector<Label>;
inline constexpr Label kFirstUnnamed = 256;

struct Einsum {
  std::vector<Labels> inputs;
  Labels output;
  std::map<Label, ShapeElem> sizes;
};

/// Errors: std::invalid_argument that begins with "[op] ".
Einsum parse_einsum(std::string_view op, const std::string& subscripts,
                    const std::vector<array>& operands);

/// Positions in the list of operands that are contracted, see einsum_path().
std::vector<std::vector<int>> contraction_order(const Einsum& e);

/// Additions and multiplications, and the number of labels, of contracting operands at once.
struct Cost {
  double operations = 0;
  size_t scaling = 0;
};
Cost cost_of_all(const Einsum& e);
Cost cost_of_order(const Einsum& e, const std::vector<std::vector<int>>& order);

/// The labels of `a` and `b` that are in the result of contracting them when
/// `others` are left.
Labels contracted_labels(const std::vector<Labels>& contracted, const std::vector<Labels>& others,
                         const Labels& output);

}  // namespace mlx::core
