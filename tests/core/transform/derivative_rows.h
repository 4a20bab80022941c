#pragma once

// The rows of the derivative test: every differentiable operation at least
// once. To add one, append a line to the list of its family.

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "core/transform/values.h"

namespace mlx::core {

using Arrays = std::vector<array>;

struct DerivativeRow {
  /// Unique, letters and digits only: it becomes the name of a test.
  std::string name;
  /// Inputs: small, float64, and away from kinks of the function.
  Arrays inputs;
  std::function<array(const Arrays&)> fun;
  /// The second derivative is checked too.
  bool smooth = true;
  /// Step of the differences and tolerance, relative to values around 1.
  double step = 1e-5;
  double tolerance = 1e-6;
};

inline void PrintTo(const DerivativeRow& row, std::ostream* os) { *os << row.name; }

using DerivativeRows = std::vector<DerivativeRow>;

DerivativeRows elementwise_rows();
DerivativeRows shape_rows();
DerivativeRows reduce_rows();
DerivativeRows indexing_rows();
DerivativeRows product_rows();
DerivativeRows linalg_rows();
DerivativeRows fast_rows();
DerivativeRows complex_plane_rows();

inline DerivativeRows all_derivative_rows() {
  DerivativeRows rows;
  for (const DerivativeRows& family :
       {elementwise_rows(), shape_rows(), reduce_rows(), indexing_rows(), product_rows(),
        linalg_rows(), fast_rows(), complex_plane_rows()}) {
    rows.insert(rows.end(), family.begin(), family.end());
  }
  return rows;
}

/// All results of an operation in one array, each with a weight of its own.
inline array weigh(const Arrays& results) {
  array sum_of_all(0.0, float64);
  for (size_t i = 0; i < results.size(); ++i) {
    sum_of_all = sum_of_all + sum(square(results[i])) * array(static_cast<double>(i + 1), float64);
  }
  return sum_of_all;
}

}  // namespace mlx::core
