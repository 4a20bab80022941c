#pragma once

// The ops behind conv.h. Every array of a size has one element per spatial axis.

#include "mlx/core/graph/op.h"

namespace mlx::core {

/// Output element o is the sum over taps k of the window at o: the element
///   o * stride + k * kernel_dilation - padding_lo
/// of the input with input_dilation - 1 zeros between its elements. Negative
/// padding crops. With `flip` tap k has the weight K - 1 - k.
struct ConvAttrs {
  Shape stride;
  Shape padding_lo;
  Shape padding_hi;
  Shape kernel_dilation;
  Shape input_dilation;
  int groups;
  bool flip;
  bool operator==(const ConvAttrs&) const = default;
};

struct ConvWeightGradAttrs {
  ConvAttrs conv;
  Shape kernel;
  bool operator==(const ConvWeightGradAttrs&) const = default;
};

/// In conv_vmap.cpp.
Mapped vmap_convolution(const VmapArgs& args);
Mapped vmap_weight_grad(const VmapArgs& args);

/// Inputs: input, weight, of one floating-point dtype.
extern const Op kConvolution;
/// The cotangent of a convolution's weight. Inputs: input, cotangent of the output.
extern const Op kConvolutionWeightGrad;

}  // namespace mlx::core
