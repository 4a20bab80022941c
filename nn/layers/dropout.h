#pragma once

#include "mlx/nn/module.h"

namespace mlx::nn {

/// While training, zeroes each element with probability p and scales the
/// others by 1/(1-p); otherwise y = x.
///
/// Errors: std::invalid_argument unless 0 <= p < 1.
class Dropout : public Module {
 public:
  explicit Dropout(float p = 0.5f);
  array operator()(const array& x) const;

 private:
  float p_;
};

/// Dropout of whole channels.
///
/// Shapes: x [N, H, W, C] or [H, W, C].
/// Errors: std::invalid_argument unless 0 <= p < 1, and for other shapes.
class Dropout2d : public Module {
 public:
  explicit Dropout2d(float p = 0.5f);
  array operator()(const array& x) const;

 private:
  float p_;
};

}  // namespace mlx::nn
