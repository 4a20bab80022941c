#pragma once

// Optimizers with a step size of their own for each element, beside Adam.

#include <utility>

#include "mlx/optim/optimizer.h"

namespace mlx::optim {

struct RMSpropOptions {
  double alpha = 0.99;
  double eps = 1e-8;
};

/// v <- alpha v + (1 - alpha) g²;  w <- w - rate g / (sqrt(v) + eps) (Hinton, 2012).
class RMSprop : public Optimizer {
 public:
  explicit RMSprop(LearningRate rate, RMSpropOptions options = {});

 protected:
  Slots init_slots(const array& parameter) const override;
  array update_parameter(const array& parameter, const array& gradient, const array& rate,
                         Slots& slots) const override;

 private:
  RMSpropOptions options_;
};

/// v <- v + g²;  w <- w - rate g / (sqrt(v) + eps) (Duchi et al., 2011).
class Adagrad : public Optimizer {
 public:
  explicit Adagrad(LearningRate rate, double eps = 1e-8);

 protected:
  Slots init_slots(const array& parameter) const override;
  array update_parameter(const array& parameter, const array& gradient, const array& rate,
                         Slots& slots) const override;

 private:
  double eps_;
};

struct AdaDeltaOptions {
  double rho = 0.9;
  double eps = 1e-6;
};

/// v <- rho v + (1 - rho) g²;  d = g sqrt(u + eps) / sqrt(v + eps)
/// u <- rho u + (1 - rho) d²;  w <- w - rate d (Zeiler, 2012).
class AdaDelta : public Optimizer {
 public:
  explicit AdaDelta(LearningRate rate, AdaDeltaOptions options = {});

 protected:
  Slots init_slots(const array& parameter) const override;
  array update_parameter(const array& parameter, const array& gradient, const array& rate,
                         Slots& slots) const override;

 private:
  AdaDeltaOptions options_;
};

struct AdamaxOptions {
  std::pair<double, double> betas = {0.9, 0.999};
  double eps = 1e-8;
};

/// m <- b1 m + (1 - b1) g;  v <- max(b2 v, |g|);  w <- w - rate m / (v + eps)
/// (Kingma and Ba, 2015).
class Adamax : public Optimizer {
 public:
  explicit Adamax(LearningRate rate, AdamaxOptions options = {});

 protected:
  Slots init_slots(const array& parameter) const override;
  array update_parameter(const array& parameter, const array& gradient, const array& rate,
                         Slots& slots) const override;

 private:
  AdamaxOptions options_;
};

struct LionOptions {
  std::pair<double, double> betas = {0.9, 0.99};
  double weight_decay = 0;
};

/// w <- (1 - rate weight_decay) w - rate sign(b1 m + (1 - b1) g)
/// m <- b2 m + (1 - b2) g (Chen et al., 2023).
class Lion : public Optimizer {
 public:
  explicit Lion(LearningRate rate, LionOptions options = {});

 protected:
  Slots init_slots(const array& parameter) const override;
  array update_parameter(const array& parameter, const array& gradient, const array& rate,
                         Slots& slots) const override;

 private:
  LionOptions options_;
};

}  // namespace mlx::optim
