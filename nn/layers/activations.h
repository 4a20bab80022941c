#pragma once

// The activations of nn/activations.h as layers.

#include <functional>
#include <string_view>

#include "mlx/nn/activations.h"
#include "mlx/nn/module.h"

namespace mlx::nn {

/// A layer without parameters that applies a function.
class Activation : public Module {
 public:
  array operator()(const array& x) const { return fn_(x); }

 protected:
  explicit Activation(std::function<array(const array&)> fn) : fn_(std::move(fn)) {}

 private:
  std::function<array(const array&)> fn_;
};

// clang-format off
struct ReLU : Activation { ReLU(); };
struct ReLU2 : Activation { ReLU2(); };
struct ReLU6 : Activation { ReLU6(); };
struct LeakyReLU : Activation { explicit LeakyReLU(float negative_slope = 0.01f); };
struct ELU : Activation { explicit ELU(float alpha = 1); };
struct CELU : Activation { explicit CELU(float alpha = 1); };
struct SELU : Activation { SELU(); };
struct SiLU : Activation { SiLU(); };
struct Mish : Activation { Mish(); };
struct Hardswish : Activation { Hardswish(); };
struct Sigmoid : Activation { Sigmoid(); };
struct LogSigmoid : Activation { LogSigmoid(); };
struct Tanh : Activation { Tanh(); };
struct HardTanh : Activation { explicit HardTanh(float min_val = -1, float max_val = 1); };
struct Softplus : Activation { Softplus(); };
struct Softsign : Activation { Softsign(); };
struct Softshrink : Activation { explicit Softshrink(float lambd = 0.5f); };
struct HardShrink : Activation { explicit HardShrink(float lambd = 0.5f); };
struct Step : Activation { explicit Step(float threshold = 0); };
struct Softmax : Activation { explicit Softmax(int axis = -1); };
struct LogSoftmax : Activation { explicit LogSoftmax(int axis = -1); };
struct Softmin : Activation { explicit Softmin(int axis = -1); };
struct GLU : Activation { explicit GLU(int axis = -1); };
// clang-format on

/// gelu; `approx` is "none", "precise" or "tanh" (gelu_approx), or "fast" (gelu_fast_approx).
/// Errors: std::invalid_argument for other words.
struct GELU : Activation {
  explicit GELU(std::string_view approx = "none");
};

/// prelu with a learned slope: weight [num_parameters], `init` at first.
class PReLU : public Module {
 public:
  explicit PReLU(int num_parameters = 1, float init = 0.25f);
  array operator()(const array& x) const;
};

}  // namespace mlx::nn
