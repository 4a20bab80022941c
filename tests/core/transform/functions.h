#pragma once

// Functions of arrays, for the tests of transforms of them.

#include <functional>
#include <utility>
#include <vector>

#include "core/transform/values.h"
#include "mlx/core/graph/op.h"

namespace mlx::core {

using Function = std::function<Arrays(const Arrays&)>;

inline std::vector<std::vector<double>> all_values(const Arrays& arrays) {
  std::vector<std::vector<double>> all;
  for (const array& a : arrays) {
    all.push_back(values(a));
  }
  return all;
}

// fun, and how often it was called.
struct Counted {
  explicit Counted(Function f) : fun(std::move(f)) {}
  Function counting() {
    return [this](const Arrays& in) {
      ++calls;
      return fun(in);
    };
  }
  Function fun;
  int calls = 0;
};

}  // namespace mlx::core
