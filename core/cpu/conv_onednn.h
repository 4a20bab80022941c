#pragma once

// Convolutions by oneDNN, which has kernels that need no matrix of windows.

#include "mlx/core/array.h"
#include "mlx/core/ops/conv_ops.h"

namespace mlx::core::cpu {

/// Whether gemm's alternative is worth asking: the arrays' dtype is one that oneDNN computes in.
bool onednn_convolves(Dtype dtype);

/// All arrays are row-contiguous and of one dtype, for which onednn_convolves(); `out` has its
/// memory. False, with nothing done, if oneDNN has no kernel for such a convolution.
bool convolution_onednn(const ConvAttrs& conv, const array& input, const array& weight, array& out);
/// The weight's cotangent from the output's cotangent `g`.
bool convolution_weight_grad_onednn(const ConvAttrs& conv, const array& input, const array& g,
                                    array& out);

}  // namespace mlx::core::cpu
