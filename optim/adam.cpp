#include "mlx/optim/adam.h"

#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/nn/constant.h"

namespace mlx::optim {

using nn::constant;

namespace {

/// 1 - beta^step, in float32.
array bias(double beta, const array& step) {
  return 1.0f - core::power(array(static_cast<float>(beta)), core::astype(step, core::float32));
}

}  // namespace

Adam::Adam(LearningRate rate, AdamOptions options)
    : Optimizer(std::move(rate)), options_(options) {}

Slots Adam::init_slots(const array& parameter) const {
  return {{"m", core::zeros_like(parameter)}, {"v", core::zeros_like(parameter)}};
}

array Adam::update_parameter(const array& parameter, const array& gradient, const array& rate,
                             Slots& slots) const {
  const auto [b1, b2] = options_.betas;
  array &m = slots.at("m"), &v = slots.at("v");
  m = constant(b1, m) * m + constant(1 - b1, gradient) * gradient;
  v = constant(b2, v) * v + constant(1 - b2, gradient) * core::square(gradient);
  const array eps = constant(options_.eps, gradient);
  if (!options_.bias_correction) {
    return parameter - rate * m / (core::sqrt(v) + eps);
  }
  const array scale_m = core::astype(core::reciprocal(bias(b1, step())), gradient.dtype());
  const array scale_v = core::astype(core::rsqrt(bias(b2, step())), gradient.dtype());
  return parameter - rate * scale_m * m / (core::sqrt(v) * scale_v + eps);
}

AdamW::AdamW(LearningRate rate, AdamWOptions options)
    : Adam(std::move(rate), {options.betas, options.eps, options.bias_correction}),
      weight_decay_(options.weight_decay) {}

array AdamW::update_parameter(const array& parameter, const array& gradient, const array& rate,
                              Slots& slots) const {
  const array decayed = parameter * (constant(1, rate) - rate * constant(weight_decay_, rate));
  return Adam::update_parameter(decayed, gradient, rate, slots);
}

}  // namespace mlx::optim
