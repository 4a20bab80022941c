#pragma once

#include <utility>

#include "mlx/core/tree.h"

namespace mlx::optim {

/// The gradients scaled so that the norm of all of them together is at most
/// max_norm, and that norm before (a float32 scalar).
std::pair<core::Tree, core::array> clip_grad_norm(const core::Tree& gradients, float max_norm);

}  // namespace mlx::optim
