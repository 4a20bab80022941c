#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

/// By LAPACK's divide and conquer.
/// Errors: std::runtime_error if it does not converge (or an element is not finite).
void svd(const KernelArgs& args);

}  // namespace mlx::core::cpu
