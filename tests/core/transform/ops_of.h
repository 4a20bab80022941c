#pragma once

// Which operations a graph has.

#include <cstdint>
#include <set>

#include "mlx/core/array.h"
#include "mlx/core/graph/node.h"

namespace mlx::core {

/// Adds those that `a` is made by; `seen` are arrays whose operations are there.
inline void collect_ops(const array& a, std::set<const Op*>& ops, std::set<std::uintptr_t>& seen) {
  if (!a.has_primitive() || !seen.insert(a.id()).second) return;
  ops.insert(a.node()->op);
  for (const array& input : a.inputs()) collect_ops(input, ops, seen);
}

}  // namespace mlx::core
