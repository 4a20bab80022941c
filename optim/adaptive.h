#pragma once

// Optimizers with a step size of their own for each element, beside Adam.

#include <utility>

#include "mlx/optim/optimizer.h"

namespace mlx::optim {

struct RMSpropOptions {
  float alpha = 0.99f;
  float eps = 1e-8f;
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
  explicit Adagrad(LearningRate rate, float eps = 1e-8f);

 protected:
  Slots init_slots(const array& parameter) const override;
  array update_parameter(const array& parameter, const array& gradient, const array& rate,
                         Slots& slots) const override;

 private:
  float eps_;
};

struct AdaDeltaOptions {
  float rho = 0.9f;
  float eps = 1e-6f;
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
  std::pair<float, float> betas = {0.9f, 0.999f};
  float eps = 1e-8f;
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
  std::pair<float, float> betas = {0.9f, 0.99f};
  float weight_decay = 0;
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
