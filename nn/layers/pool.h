#pragma once

#include <optional>

#include "mlx/nn/layers/extent.h"
#include "mlx/nn/module.h"

namespace mlx::nn {

/// The maximum of each window. Without a stride, windows do not overlap. The
/// padding counts as -inf; rows and columns that fill no window are dropped.
///
/// Shapes: x [N, H, W, C] -> [N, H', W', C] with H' = (H + 2 padding - kernel) / stride + 1.
/// Dtypes: floating-point.
/// Errors: std::invalid_argument if a number is out of range, x is not
///         4-dimensional or smaller than a window.
class MaxPool2d : public Module {
 public:
  explicit MaxPool2d(Extent2d kernel_size, std::optional<Extent2d> stride = std::nullopt,
                     Extent2d padding = 0);
  array operator()(const array& x) const;

 private:
  Extent2d kernel_, stride_, padding_;
};

/// The mean of each window; the padding counts as zeros.
/// Shapes, Dtypes, Errors: as MaxPool2d.
class AvgPool2d : public Module {
 public:
  explicit AvgPool2d(Extent2d kernel_size, std::optional<Extent2d> stride = std::nullopt,
                     Extent2d padding = 0);
  array operator()(const array& x) const;

 private:
  Extent2d kernel_, stride_, padding_;
};

}  // namespace mlx::nn
