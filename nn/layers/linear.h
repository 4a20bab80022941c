#pragma once

#include "mlx/nn/module.h"

namespace mlx::nn {

/// y = x Wᵀ + b.
///
/// Shapes: x [..., input_dims] -> [..., output_dims]; weight [output_dims, input_dims],
///         bias [output_dims].
/// Init:   both uniform within 1/sqrt(input_dims).
/// Errors: std::invalid_argument if a size is not positive, or x's last axis is not input_dims.
class Linear : public Module {
 public:
  Linear(int input_dims, int output_dims, bool bias = true);
  array operator()(const array& x) const;
};

/// y_k = x1 W_k x2ᵀ + b_k.
///
/// Shapes: x1 [..., input1_dims], x2 [..., input2_dims] -> [..., output_dims];
///         weight [output_dims, input2_dims, input1_dims], bias [output_dims].
/// Init:   both uniform within 1/sqrt(input1_dims).
/// Errors: as Linear.
class Bilinear : public Module {
 public:
  Bilinear(int input1_dims, int input2_dims, int output_dims, bool bias = true);
  array operator()(const array& x1, const array& x2) const;
};

/// y = x.
class Identity : public Module {
 public:
  array operator()(const array& x) const { return x; }
};

}  // namespace mlx::nn
