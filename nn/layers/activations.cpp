#include "mlx/nn/layers/activations.h"

#include "mlx/core/base/error.h"
#include "mlx/core/ops/creation.h"

namespace mlx::nn {

namespace {

using Fn = array (*)(const array&);

Fn gelu_named(std::string_view approx) {
  core::require(approx == "none" || approx == "precise" || approx == "tanh" || approx == "fast",
                "[GELU] Unknown approximation: got \"", approx,
                "\", expected none, precise, tanh or fast.");
  return approx == "none" ? gelu : approx == "fast" ? gelu_fast_approx : gelu_approx;
}

/// fn(x, parameter) as a function of x.
template <typename T>
std::function<array(const array&)> bind(array (*fn)(const array&, T), T parameter) {
  return [=](const array& x) { return fn(x, parameter); };
}

}  // namespace

ReLU::ReLU() : Activation(relu) {}
ReLU2::ReLU2() : Activation(relu2) {}
ReLU6::ReLU6() : Activation(relu6) {}
LeakyReLU::LeakyReLU(float negative_slope) : Activation(bind(leaky_relu, negative_slope)) {}
ELU::ELU(float alpha) : Activation(bind(elu, alpha)) {}
CELU::CELU(float alpha) : Activation(bind(celu, alpha)) {}
SELU::SELU() : Activation(selu) {}
SiLU::SiLU() : Activation(silu) {}
Mish::Mish() : Activation(mish) {}
Hardswish::Hardswish() : Activation(hardswish) {}
Sigmoid::Sigmoid() : Activation(sigmoid) {}
LogSigmoid::LogSigmoid() : Activation(log_sigmoid) {}
Tanh::Tanh() : Activation(tanh) {}
HardTanh::HardTanh(float min_val, float max_val)
    : Activation([=](const array& x) { return hard_tanh(x, min_val, max_val); }) {}
Softplus::Softplus() : Activation(softplus) {}
Softsign::Softsign() : Activation(softsign) {}
Softshrink::Softshrink(float lambd) : Activation(bind(softshrink, lambd)) {}
HardShrink::HardShrink(float lambd) : Activation(bind(hard_shrink, lambd)) {}
Step::Step(float threshold) : Activation(bind(step, threshold)) {}
Softmax::Softmax(int axis) : Activation(bind(softmax, axis)) {}
LogSoftmax::LogSoftmax(int axis) : Activation(bind(log_softmax, axis)) {}
Softmin::Softmin(int axis) : Activation(bind(softmin, axis)) {}
GLU::GLU(int axis) : Activation(bind(glu, axis)) {}
GELU::GELU(std::string_view approx) : Activation(gelu_named(approx)) {}

PReLU::PReLU(int num_parameters, float init) { add("weight", core::full({num_parameters}, init)); }

array PReLU::operator()(const array& x) const { return prelu(x, (*this)["weight"]); }

}  // namespace mlx::nn
