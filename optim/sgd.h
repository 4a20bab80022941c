#pragma once

#include "mlx/optim/optimizer.h"

namespace mlx::optim {

struct SGDOptions {
  double momentum = 0;
  double weight_decay = 0;
  double dampening = 0;
  bool nesterov = false;
};

/// Stochastic gradient descent:
///   g <- g + weight_decay w
///   v <- momentum v + (1 - dampening) g
///   w <- w - rate v, or w - rate (g + momentum v) with nesterov; without momentum w - rate g
///
/// Slots:  v.
/// Errors: std::invalid_argument for nesterov without momentum or with dampening.
class SGD : public Optimizer {
 public:
  explicit SGD(LearningRate rate, SGDOptions options = {});

 protected:
  Slots init_slots(const array& parameter) const override;
  array update_parameter(const array& parameter, const array& gradient, const array& rate,
                         Slots& slots) const override;

 private:
  SGDOptions options_;
};

}  // namespace mlx::optim
