#include "mlx/optim/clip_grad_norm.h"

#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/reduce.h"

namespace mlx::optim {

using core::array;

std::pair<core::Tree, array> clip_grad_norm(const core::Tree& gradients, float max_norm) {
  auto add_squares = [](const array& total, const array& gradient) {
    return total + core::sum(core::square(core::astype(gradient, core::float32)));
  };
  const array norm = core::sqrt(gradients.reduce(add_squares, array(0.0f)));
  const array scale = core::minimum(array(max_norm) / (norm + 1e-6f), array(1.0f));
  auto scaled = [&](const array& gradient) {
    return gradient * core::astype(scale, gradient.dtype());
  };
  return {gradients.map(scaled), norm};
}

}  // namespace mlx::optim
