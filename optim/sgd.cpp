#include "mlx/optim/sgd.h"

#include "mlx/core/base/error.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/nn/constant.h"

namespace mlx::optim {

using nn::constant;

SGD::SGD(LearningRate rate, SGDOptions options) : Optimizer(std::move(rate)), options_(options) {
  core::require(!options.nesterov || (options.momentum > 0 && options.dampening == 0),
                "[SGD] nesterov needs a momentum and no dampening: got momentum ", options.momentum,
                " and dampening ", options.dampening, ".");
}

Slots SGD::init_slots(const array& parameter) const { return {{"v", core::zeros_like(parameter)}}; }

array SGD::update_parameter(const array& parameter, const array& gradient, const array& rate,
                            Slots& slots) const {
  array g = gradient;
  if (options_.weight_decay != 0) {
    g = g + constant(options_.weight_decay, g) * parameter;
  }
  if (options_.momentum <= 0) {
    return parameter - rate * g;
  }
  array& v = slots.at("v");
  const array momentum = constant(options_.momentum, v);
  v = momentum * v + constant(1 - options_.dampening, g) * g;
  return parameter - rate * (options_.nesterov ? g + momentum * v : v);
}

}  // namespace mlx::optim
