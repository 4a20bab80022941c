#pragma once

// What a call of an exported function is told apart by.

#include <string>
#include <vector>

#include "mlx/core/export.h"
#include "mlx/core/graph/op.h"

namespace mlx::core::io {

struct Signature {
  /// Of the last types, sorted.
  std::vector<std::string> keywords;
  std::vector<Type> types;

  /// Whether a function for this signature takes calls of the other. `shapeless`:
  /// whatever the sizes.
  bool takes(const Signature& call, bool shapeless) const;
  /// "2 positional inputs and ..." and a line for each.
  std::string describe(std::string_view indent) const;
};

/// Arguments in the order of the signature's types.
struct Call {
  Signature signature;
  Args inputs;
};
Call as_call(const Args& args, const Kwargs& kwargs);

}  // namespace mlx::core::io
