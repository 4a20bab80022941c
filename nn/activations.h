#pragma once

// Activations as functions. Each is a composition of element-wise operations,
// which evaluation fuses. (nn/layers/activations.h has them as layers.)
//
// Shapes: any -> the same, unless said otherwise.
// Dtypes: floating-point -> the same.

#include "mlx/core/array.h"

namespace mlx::nn {

using core::array;

/// max(x, 0)
array relu(const array& x);
/// max(x, 0)²
array relu2(const array& x);
/// min(max(x, 0), 6)
array relu6(const array& x);
/// x, or negative_slope x below 0
array leaky_relu(const array& x, float negative_slope = 0.01f);
/// x, or alpha x below 0, for an array alpha that broadcasts
array prelu(const array& x, const array& alpha);
/// x, or alpha (exp(x) - 1) below 0
array elu(const array& x, float alpha = 1);
/// x, or alpha (exp(x / alpha) - 1) below 0
array celu(const array& x, float alpha = 1);
/// elu scaled so that it keeps mean 0 and variance 1 (Klambauer et al., 2017)
array selu(const array& x);

/// x Φ(x) with the normal distribution function Φ
array gelu(const array& x);
/// gelu with Φ from tanh
array gelu_approx(const array& x);
/// x sigmoid(1.702 x)
array gelu_fast_approx(const array& x);
/// x sigmoid(x)
array silu(const array& x);
/// x tanh(softplus(x))
array mish(const array& x);
/// x min(max(x + 3, 0), 6) / 6
array hardswish(const array& x);

/// 1 / (1 + exp(-x))
array sigmoid(const array& x);
array log_sigmoid(const array& x);  ///< -log(1 + exp(-x))
array tanh(const array& x);
/// min(max(x, min_val), max_val)
array hard_tanh(const array& x, float min_val = -1, float max_val = 1);
/// log(1 + exp(x))
array softplus(const array& x);
/// x / (1 + |x|)
array softsign(const array& x);
/// x moved by lambd towards 0, and 0 within lambd of it
array softshrink(const array& x, float lambd = 0.5f);
/// x, and 0 within lambd of it
array hard_shrink(const array& x, float lambd = 0.5f);
/// 1 from the threshold on, else 0, as int32
array step(const array& x, float threshold = 0);

array softmax(const array& x, int axis = -1);      ///< exp(x), divided by its sum along the axis
array log_softmax(const array& x, int axis = -1);  ///< log(softmax(x)), without overflow
/// softmax of -x
array softmin(const array& x, int axis = -1);
/// a sigmoid(b) for the halves a, b of x along `axis`, which becomes half as long.
/// Errors: std::invalid_argument if its size is odd.
array glu(const array& x, int axis = -1);

}  // namespace mlx::nn
