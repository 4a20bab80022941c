#include "mlx/optim/clip_grad_norm.h"

#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/reduce.h"

namespace mlx::optim {

using core::array;

std::pair<core::Tree, array> clip_grad_norm(const core::Tree& gradients, float max_norm) {
  auto named = gradients.flatten();
  array total(0.0f);
  for (const auto& [path, gradient] : named) {
    total = total + core::sum(core::square(core::astype(gradient, core::float32)));
  }
  const array norm = core::sqrt(total);
  const array scale = core::minimum(array(max_norm) / (norm + 1e-6f), array(1.0f));
  for (auto& [path, gradient] : named) {
    gradient = gradient * core::astype(scale, gradient.dtype());
  }
  return {core::Tree::unflatten(named), norm};
}

}  // namespace mlx::optim
