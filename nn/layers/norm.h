#pragma once

#include "mlx/nn/module.h"

namespace mlx::nn {

/// y = (x - mean) / sqrt(var + eps) * weight + bias over the last axis.
///
/// Shapes: x [..., dims]; weight and bias [dims], both absent unless affine.
/// Dtypes: float16 and bfloat16 are normalized in float32.
/// Init:   weight 1, bias 0.
/// Errors: std::invalid_argument if x's last axis is not dims.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(int dims, float eps = 1e-5f, bool affine = true, bool bias = true);
  array operator()(const array& x) const;

 private:
  int dims_;
  float eps_;
};

/// y = x / sqrt(mean(x²) + eps) * weight over the last axis.
/// Shapes, Dtypes, Init, Errors: as LayerNorm, without bias.
class RMSNorm : public Module {
 public:
  explicit RMSNorm(int dims, float eps = 1e-5f);
  array operator()(const array& x) const;

 private:
  int dims_;
  float eps_;
};

/// LayerNorm's formula over all axes but the last. While training it uses the
/// batch's mean and variance and moves the running ones towards them:
/// running = (1 - momentum) running + momentum batch (the variance unbiased);
/// otherwise it uses the running ones.
///
/// Shapes: x [N, num_features], [N, L, num_features] or [N, H, W, num_features]; all arrays
///         [num_features].
/// Init:   weight 1, bias 0; running_mean 0, running_var 1, which are buffers.
/// Errors: std::invalid_argument for other shapes.
/// Ranks:  each has the statistics of its own batch.
class BatchNorm : public Module {
 public:
  explicit BatchNorm(int num_features, float eps = 1e-5f, float momentum = 0.1f, bool affine = true,
                     bool track_running_stats = true);
  array operator()(const array& x);

 private:
  int num_features_;
  float eps_;
  float momentum_;
  bool tracking_;
};

}  // namespace mlx::nn
