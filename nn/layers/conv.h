#pragma once

#include "mlx/nn/layers/extent.h"
#include "mlx/nn/module.h"

namespace mlx::nn {

/// Convolution over one spatial axis.
///
/// Shapes: x [N, L, in_channels] -> [N, L', out_channels];
///         weight [out_channels, kernel, in_channels / groups], bias [out_channels].
/// Init:   weight uniform within 1/sqrt(fan_in), bias 0.
/// Errors: std::invalid_argument if a size is not positive, groups does not divide the
///         channels, or x has other channels.
class Conv1d : public Module {
 public:
  Conv1d(int in_channels, int out_channels, int kernel_size, int stride = 1, int padding = 0,
         int dilation = 1, int groups = 1, bool bias = true);
  array operator()(const array& x) const;

 private:
  int stride_, padding_, dilation_, groups_;
};

/// Convolution over two spatial axes.
///
/// Shapes: x [N, H, W, in_channels] -> [N, H', W', out_channels];
///         weight [out_channels, kernel height, kernel width, in_channels / groups].
/// Init, Errors: as Conv1d.
class Conv2d : public Module {
 public:
  Conv2d(int in_channels, int out_channels, Extent2d kernel_size, Extent2d stride = 1,
         Extent2d padding = 0, Extent2d dilation = 1, int groups = 1, bool bias = true);
  array operator()(const array& x) const;

 private:
  Extent2d stride_, padding_, dilation_;
  int groups_;
};

}  // namespace mlx::nn
