#pragma once

#include <map>
#include <string>
#include <variant>

#include "mlx/core/tree.h"
#include "mlx/nn/module.h"
#include "mlx/optim/schedules.h"

namespace mlx::optim {

using core::Tree;

/// A number, or a schedule.
using LearningRate = std::variant<float, Schedule>;

/// What an optimizer remembers of one parameter, by name, such as "m" and "v".
using Slots = std::map<std::string, array>;

/// Gradient descent, in its general part: the walk over the parameters, the
/// schedule, the state. An optimizer is two functions for one parameter.
///
/// The state is a tree: "step" (uint64), "learning_rate" (float32) and, under
/// each parameter's path, its slots.
class Optimizer {
 public:
  explicit Optimizer(LearningRate rate);
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;
  virtual ~Optimizer() = default;

  /// One step: replaces the parameters that `gradients` names.
  /// Errors: std::invalid_argument if the model lacks one, or the shapes differ.
  void update(nn::Module& model, const Tree& gradients);
  /// The same on trees: the parameters after the step, those without a gradient unchanged.
  Tree apply_gradients(const Tree& gradients, const Tree& parameters);

  /// Makes the slots of these parameters, which update would make when it meets them.
  void init(const Tree& parameters);
  Tree state() const;
  /// Continues from a state that an optimizer of the same kind gave.
  /// Errors: std::invalid_argument if it has no step, or a slot has no parameter.
  void set_state(const Tree& state);

  /// Steps taken (uint64 scalar).
  const array& step() const { return step_; }
  /// The rate of the last step (float32 scalar).
  const array& learning_rate() const { return rate_; }
  /// Sets a constant rate; a schedule, if there is one, ends.
  void set_learning_rate(float rate);

 protected:
  /// The slots of a parameter before the first step.
  virtual Slots init_slots(const array& parameter) const = 0;
  /// The parameter after a step. `rate` has the gradient's dtype.
  virtual array update_parameter(const array& parameter, const array& gradient, const array& rate,
                                 Slots& slots) const = 0;

 private:
  void advance();
  array apply(const std::string& path, const array& parameter, const array& gradient);

  Schedule schedule_;  // empty: a constant rate
  array step_;
  array rate_;
  std::map<std::string, Slots> slots_;
};

}  // namespace mlx::optim
