#include "model.h"

#include <stdexcept>

#include "dataset.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/shape.h"
#include "mlx/nn/activations.h"
#include "mlx/nn/layers/conv.h"
#include "mlx/nn/layers/linear.h"
#include "mlx/nn/layers/pool.h"

namespace fashion_mnist {

namespace core = mlx::core;
namespace nn = mlx::nn;
using core::array;

namespace {

/// Bytes to numbers with about the mean 0 and the deviation 1.
array normalize(const array& images) {
  return (core::astype(images, core::float32) - 73.0f) * (1 / 90.0f);
}

array flatten_rows(const array& x) { return core::flatten(x, 1); }

}  // namespace

// silu rather than relu: without a kink, the rounding of sums that depends on
// the number of ranks is not amplified from step to step.
nn::Sequential make_model(const std::string& kind) {
  if (kind == "mlp") {
    return nn::Sequential(normalize, flatten_rows, nn::Linear(kSide * kSide, 256), nn::silu,
                          nn::Linear(256, 128), nn::silu, nn::Linear(128, kClasses));
  }
  if (kind == "cnn") {
    const nn::Extent2d kernel = 3, stride = 1, padding = 1;
    return nn::Sequential(normalize,                                              //
                          nn::Conv2d(1, 32, kernel, stride, padding), nn::silu,   //
                          nn::MaxPool2d(2),                                       //
                          nn::Conv2d(32, 64, kernel, stride, padding), nn::silu,  //
                          nn::MaxPool2d(2), flatten_rows,                         //
                          nn::Linear(7 * 7 * 64, 128), nn::silu,                  //
                          nn::Linear(128, kClasses));
  }
  throw std::invalid_argument("Unknown model: got " + kind + ", expected cnn or mlp.");
}

}  // namespace fashion_mnist
