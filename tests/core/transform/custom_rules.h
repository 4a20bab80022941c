#pragma once

// A function, and rules for it that are wrong on purpose: one sees who was asked.

#include <vector>

#include "core/transform/values.h"
#include "mlx/core/graph/op.h"

namespace mlx::core {

inline Arrays multiplied(const Arrays& in) { return {in[0] * in[1]}; }

/// Twice the true gradient.
inline Arrays doubled_vjp(const Arrays& primals, const Arrays& cotangents, const Arrays&) {
  return {cotangents[0] * primals[1] * 2.0f, cotangents[0] * primals[0] * 2.0f};
}

/// Ten times the true tangent.
inline Arrays tenfold_jvp(const Arrays& primals, const Arrays& tangents,
                          const std::vector<int>& argnums) {
  array total(0.0f);
  for (size_t i = 0; i < argnums.size(); ++i) {
    total = total + tangents[i] * primals[static_cast<size_t>(1 - argnums[i])] * 10.0f;
  }
  return {total};
}

}  // namespace mlx::core
