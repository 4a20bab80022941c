#include "mlx/nn/layers/conv.h"

#include <cmath>

#include "mlx/core/base/error.h"
#include "mlx/core/ops/conv.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/random.h"

namespace mlx::nn {

namespace {

void check_channels(const char* layer, int in_channels, int out_channels, int groups) {
  core::require(in_channels > 0 && out_channels > 0 && groups > 0, "[", layer,
                "] Channels and groups must be positive: got ", in_channels, ", ", out_channels,
                " and ", groups, ".");
  core::require(in_channels % groups == 0 && out_channels % groups == 0, "[", layer,
                "] groups must divide the channels: got ", groups, " groups of ", in_channels,
                " and ", out_channels, " channels.");
}

array initial_weight(const core::Shape& shape) {
  int64_t fan_in = 1;
  for (size_t i = 1; i < shape.size(); ++i) {
    fan_in *= shape[i];
  }
  const float limit = 1 / std::sqrt(static_cast<float>(fan_in));
  return core::random::uniform(-limit, limit, shape);
}

}  // namespace

Conv1d::Conv1d(int in_channels, int out_channels, int kernel_size, int stride, int padding,
               int dilation, int groups, bool bias)
    : stride_(stride), padding_(padding), dilation_(dilation), groups_(groups) {
  check_channels("Conv1d", in_channels, out_channels, groups);
  add("weight", initial_weight({out_channels, kernel_size, in_channels / groups}));
  if (bias) {
    add("bias", core::zeros({out_channels}));
  }
}

array Conv1d::operator()(const array& x) const {
  const array y = core::conv1d(x, (*this)["weight"], stride_, padding_, dilation_, groups_);
  return has("bias") ? y + (*this)["bias"] : y;
}

Conv2d::Conv2d(int in_channels, int out_channels, Extent2d kernel_size, Extent2d stride,
               Extent2d padding, Extent2d dilation, int groups, bool bias)
    : stride_(stride), padding_(padding), dilation_(dilation), groups_(groups) {
  check_channels("Conv2d", in_channels, out_channels, groups);
  add("weight",
      initial_weight({out_channels, kernel_size.height, kernel_size.width, in_channels / groups}));
  if (bias) {
    add("bias", core::zeros({out_channels}));
  }
}

array Conv2d::operator()(const array& x) const {
  const array y = core::conv2d(x, (*this)["weight"], stride_.pair(), padding_.pair(),
                               dilation_.pair(), groups_);
  return has("bias") ? y + (*this)["bias"] : y;
}

}  // namespace mlx::nn
