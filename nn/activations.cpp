#include "mlx/nn/activations.h"

#include <cmath>
#include <numbers>

#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"
#include "mlx/nn/constant.h"

namespace mlx::nn {

array relu(const array& x) { return core::maximum(x, constant(0, x)); }

array relu2(const array& x) { return core::square(relu(x)); }

array relu6(const array& x) { return core::minimum(relu(x), constant(6, x)); }

array leaky_relu(const array& x, float negative_slope) {
  return core::maximum(x * constant(negative_slope, x), x);
}

array prelu(const array& x, const array& alpha) {
  const array zero = constant(0, x);
  return core::maximum(x, zero) + alpha * core::minimum(x, zero);
}

array elu(const array& x, float alpha) {
  const array zero = constant(0, x);
  return core::where(x > zero, x, constant(alpha, x) * core::expm1(core::minimum(x, zero)));
}

array celu(const array& x, float alpha) {
  const array zero = constant(0, x), a = constant(alpha, x);
  return core::maximum(x, zero) + a * core::expm1(core::minimum(x, zero) / a);
}

array selu(const array& x) { return elu(x, 1.67326f) * constant(1.0507, x); }

array gelu(const array& x) {
  const array phi = constant(1, x) + core::erf(x * constant(std::numbers::sqrt2 / 2, x));
  return x * phi * constant(0.5, x);
}

array gelu_approx(const array& x) {
  const double scale = std::sqrt(2 / std::numbers::pi);
  const array cube = x * x * x;
  const array inner = constant(scale, x) * (x + constant(0.044715, x) * cube);
  return constant(0.5, x) * x * (constant(1, x) + core::tanh(inner));
}

array gelu_fast_approx(const array& x) { return x * core::sigmoid(constant(1.702, x) * x); }

array silu(const array& x) { return x * core::sigmoid(x); }

array mish(const array& x) { return x * core::tanh(softplus(x)); }

array hardswish(const array& x) { return x * relu6(x + constant(3, x)) * constant(1.0 / 6, x); }

array sigmoid(const array& x) { return core::sigmoid(x); }

array log_sigmoid(const array& x) { return -softplus(-x); }

array tanh(const array& x) { return core::tanh(x); }

array hard_tanh(const array& x, float min_val, float max_val) {
  return core::minimum(core::maximum(x, constant(min_val, x)), constant(max_val, x));
}

array softplus(const array& x) { return core::logaddexp(x, constant(0, x)); }

array softsign(const array& x) { return x / (constant(1, x) + core::abs(x)); }

array softshrink(const array& x, float lambd) {
  const array bound = constant(lambd, x), zero = constant(0, x);
  return core::where(core::abs(x) > bound, x - core::sign(x) * bound, zero);
}

array hard_shrink(const array& x, float lambd) {
  return core::where(core::abs(x) > constant(lambd, x), x, constant(0, x));
}

array step(const array& x, float threshold) {
  return core::astype(x >= constant(threshold, x), core::int32);
}

array softmax(const array& x, int axis) { return core::softmax(x, axis); }

array log_softmax(const array& x, int axis) { return x - core::logsumexp(x, axis, true); }

array softmin(const array& x, int axis) { return core::softmax(-x, axis); }

array glu(const array& x, int axis) {
  const std::vector<array> halves = core::split(x, 2, axis);
  return halves[0] * core::sigmoid(halves[1]);
}

}  // namespace mlx::nn
