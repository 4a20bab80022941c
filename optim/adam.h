#pragma once

#include <utility>

#include "mlx/optim/optimizer.h"

namespace mlx::optim {

struct AdamOptions {
  std::pair<double, double> betas = {0.9, 0.999};
  double eps = 1e-8;
  bool bias_correction = false;
};

/// Adam (Kingma and Ba, 2015); the correction of the averages' bias is optional:
///   m <- b1 m + (1 - b1) g
///   v <- b2 v + (1 - b2) g²
///   w <- w - rate m / (sqrt(v) + eps)
///
/// Slots: m, v.
class Adam : public Optimizer {
 public:
  explicit Adam(LearningRate rate, AdamOptions options = {});

 protected:
  Slots init_slots(const array& parameter) const override;
  array update_parameter(const array& parameter, const array& gradient, const array& rate,
                         Slots& slots) const override;

 private:
  AdamOptions options_;
};

struct AdamWOptions {
  std::pair<double, double> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0.01;
  bool bias_correction = false;
};

/// Adam after w <- (1 - rate weight_decay) w (Loshchilov and Hutter, 2019).
class AdamW : public Adam {
 public:
  explicit AdamW(LearningRate rate, AdamWOptions options = {});

 protected:
  array update_parameter(const array& parameter, const array& gradient, const array& rate,
                         Slots& slots) const override;

 private:
  double weight_decay_;
};

}  // namespace mlx::optim
