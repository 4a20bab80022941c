#include "mlx/optim/optimizer.h"

#include "mlx/core/base/error.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/utils.h"

namespace mlx::optim {

using core::require;

Optimizer::Optimizer(LearningRate rate) : step_(0, core::uint64), rate_(0.0f) {
  if (const float* constant = std::get_if<float>(&rate)) {
    rate_ = array(*constant);
  } else {
    schedule_ = std::get<Schedule>(std::move(rate));
    rate_ = core::astype(schedule_(step_), core::float32);
  }
}

void Optimizer::set_learning_rate(float rate) {
  schedule_ = nullptr;
  rate_ = array(rate);
}

void Optimizer::advance() {
  if (schedule_) {
    rate_ = core::astype(schedule_(step_), core::float32);
  }
  step_ = step_ + array(1, core::uint64);
}

array Optimizer::apply(const std::string& path, const array& parameter, const array& gradient) {
  require(parameter.shape() == gradient.shape(), "[Optimizer] Wrong shape of the gradient of ",
          path, ": got ", gradient.shape(), ", expected ", parameter.shape(), ".");
  auto slots = slots_.find(path);
  if (slots == slots_.end()) {
    slots = slots_.emplace(path, init_slots(parameter)).first;
  }
  const array rate = core::astype(rate_, gradient.dtype());
  return update_parameter(parameter, gradient, rate, slots->second);
}

Tree Optimizer::apply_gradients(const Tree& gradients, const Tree& parameters) {
  std::map<std::string, array> given;
  for (const auto& [path, gradient] : gradients.flatten()) {
    given.emplace(path, gradient);
  }
  advance();
  auto named = parameters.flatten();
  for (auto& [path, parameter] : named) {
    if (auto gradient = given.find(path); gradient != given.end()) {
      parameter = apply(path, parameter, gradient->second);
      given.erase(gradient);
    }
  }
  require(given.empty(), "[Optimizer] A gradient has no parameter: got ",
          given.empty() ? "" : given.begin()->first, ".");
  return Tree::unflatten(named);
}

void Optimizer::update(nn::Module& model, const Tree& gradients) {
  model.update(apply_gradients(gradients, model.parameters()));
}

void Optimizer::init(const Tree& parameters) {
  for (const auto& [path, parameter] : parameters.flatten()) {
    slots_.insert_or_assign(path, init_slots(parameter));
  }
}

Tree Optimizer::state() const {
  std::vector<std::pair<std::string, array>> named{{"step", step_}, {"learning_rate", rate_}};
  for (const auto& [path, slots] : slots_) {
    for (const auto& [slot, value] : slots) {
      named.emplace_back(path.empty() ? slot : path + "." + slot, value);
    }
  }
  return Tree::unflatten(named);
}

void Optimizer::set_state(const Tree& state) {
  std::map<std::string, Slots> slots;
  std::map<std::string, array> own;
  for (const auto& [path, value] : state.flatten()) {
    if (path == "step" || path == "learning_rate") {
      own.emplace(path, value);
      continue;
    }
    const size_t dot = path.rfind('.');
    require(dot != std::string::npos, "[Optimizer] A slot of the state has no parameter: got ",
            path, ".");
    slots[path.substr(0, dot)].insert_or_assign(path.substr(dot + 1), value);
  }
  require(own.contains("step") && own.contains("learning_rate"),
          "[Optimizer] The state has no step or no learning_rate.");
  step_ = own.at("step");
  rate_ = own.at("learning_rate");
  slots_ = std::move(slots);
}

}  // namespace mlx::optim
