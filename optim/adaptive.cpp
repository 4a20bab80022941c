#include "mlx/optim/adaptive.h"

#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/nn/constant.h"

namespace mlx::optim {

using nn::constant;

namespace {

/// beta average + (1 - beta) x
array moved(const array& average, double beta, const array& x) {
  return constant(beta, average) * average + constant(1 - beta, x) * x;
}

}  // namespace

RMSprop::RMSprop(LearningRate rate, RMSpropOptions options)
    : Optimizer(std::move(rate)), options_(options) {}

Slots RMSprop::init_slots(const array& parameter) const {
  return {{"v", core::zeros_like(parameter)}};
}

array RMSprop::update_parameter(const array& parameter, const array& gradient, const array& rate,
                                Slots& slots) const {
  array& v = slots.at("v");
  v = moved(v, options_.alpha, core::square(gradient));
  return parameter - rate * gradient / (core::sqrt(v) + constant(options_.eps, v));
}

Adagrad::Adagrad(LearningRate rate, double eps) : Optimizer(std::move(rate)), eps_(eps) {}

Slots Adagrad::init_slots(const array& parameter) const {
  return {{"v", core::zeros_like(parameter)}};
}

array Adagrad::update_parameter(const array& parameter, const array& gradient, const array& rate,
                                Slots& slots) const {
  array& v = slots.at("v");
  v = v + core::square(gradient);
  return parameter - rate * gradient / (core::sqrt(v) + constant(eps_, v));
}

AdaDelta::AdaDelta(LearningRate rate, AdaDeltaOptions options)
    : Optimizer(std::move(rate)), options_(options) {}

Slots AdaDelta::init_slots(const array& parameter) const {
  return {{"v", core::zeros_like(parameter)}, {"u", core::zeros_like(parameter)}};
}

array AdaDelta::update_parameter(const array& parameter, const array& gradient, const array& rate,
                                 Slots& slots) const {
  array &v = slots.at("v"), &u = slots.at("u");
  const array eps = constant(options_.eps, v);
  v = moved(v, options_.rho, core::square(gradient));
  const array d = gradient * core::sqrt(u + eps) / core::sqrt(v + eps);
  u = moved(u, options_.rho, core::square(d));
  return parameter - rate * d;
}

Adamax::Adamax(LearningRate rate, AdamaxOptions options)
    : Optimizer(std::move(rate)), options_(options) {}

Slots Adamax::init_slots(const array& parameter) const {
  return {{"m", core::zeros_like(parameter)}, {"v", core::zeros_like(parameter)}};
}

array Adamax::update_parameter(const array& parameter, const array& gradient, const array& rate,
                               Slots& slots) const {
  array &m = slots.at("m"), &v = slots.at("v");
  m = moved(m, options_.betas.first, gradient);
  v = core::maximum(constant(options_.betas.second, v) * v, core::abs(gradient));
  return parameter - rate * m / (v + constant(options_.eps, v));
}

Lion::Lion(LearningRate rate, LionOptions options)
    : Optimizer(std::move(rate)), options_(options) {}

Slots Lion::init_slots(const array& parameter) const {
  return {{"m", core::zeros_like(parameter)}};
}

array Lion::update_parameter(const array& parameter, const array& gradient, const array& rate,
                             Slots& slots) const {
  array& m = slots.at("m");
  const array direction = core::sign(moved(m, options_.betas.first, gradient));
  m = moved(m, options_.betas.second, gradient);
  const array decay = constant(1, rate) - rate * constant(options_.weight_decay, rate);
  return parameter * decay - rate * direction;
}

}  // namespace mlx::optim
