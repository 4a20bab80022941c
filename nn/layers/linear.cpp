#include "mlx/nn/layers/linear.h"

#include <cmath>

#include "mlx/core/base/error.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/random.h"
#include "mlx/core/utils.h"

namespace mlx::nn {

using core::require;
using core::Shape;

namespace {

array uniform_within(float limit, const Shape& shape) {
  return core::random::uniform(-limit, limit, shape);
}

void check_last_axis(const char* layer, const array& x, int64_t expected) {
  require(x.ndim() > 0 && x.shape(-1) == expected, "[", layer,
          "] Wrong size of the last axis: got shape ", x.shape(), ", expected [..., ", expected,
          "].");
}

}  // namespace

Linear::Linear(int input_dims, int output_dims, bool bias) {
  require(input_dims > 0 && output_dims > 0, "[Linear] Sizes must be positive: got ", input_dims,
          " and ", output_dims, ".");
  const float limit = 1 / std::sqrt(static_cast<float>(input_dims));
  add("weight", uniform_within(limit, {output_dims, input_dims}));
  if (bias) {
    add("bias", uniform_within(limit, {output_dims}));
  }
}

array Linear::operator()(const array& x) const {
  const array& weight = (*this)["weight"];
  check_last_axis("Linear", x, weight.shape(1));
  const array columns = core::transpose(weight);
  return has("bias") ? core::addmm((*this)["bias"], x, columns) : core::matmul(x, columns);
}

Bilinear::Bilinear(int input1_dims, int input2_dims, int output_dims, bool bias) {
  require(input1_dims > 0 && input2_dims > 0 && output_dims > 0,
          "[Bilinear] Sizes must be positive: got ", input1_dims, ", ", input2_dims, " and ",
          output_dims, ".");
  const float limit = 1 / std::sqrt(static_cast<float>(input1_dims));
  add("weight", uniform_within(limit, {output_dims, input2_dims, input1_dims}));
  if (bias) {
    add("bias", uniform_within(limit, {output_dims}));
  }
}

array Bilinear::operator()(const array& x1, const array& x2) const {
  const array& weight = (*this)["weight"];
  const int64_t outputs = weight.shape(0), in2 = weight.shape(1), in1 = weight.shape(2);
  check_last_axis("Bilinear", x1, in1);
  check_last_axis("Bilinear", x2, in2);
  // All W_k x1 in one product, then one vector-matrix product for each row of x2.
  Shape split = x1.shape();
  split.back() = outputs;
  split.push_back(in2);
  const array left = core::matmul(x1, core::transpose(core::reshape(weight, {outputs * in2, in1})));
  const array product = core::matmul(core::reshape(left, split), core::expand_dims(x2, -1));
  const array y = core::squeeze(product, -1);
  return has("bias") ? y + (*this)["bias"] : y;
}

}  // namespace mlx::nn
