#include "mlx/nn/layers/dropout.h"

#include "mlx/core/base/error.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/random.h"

namespace mlx::nn {

namespace {

void check_probability(const char* layer, float p) {
  core::require(p >= 0 && p < 1, "[", layer, "] The probability is out of range: got ", p,
                ", expected 0 <= p < 1.");
}

/// x with a mask of `shape`, which broadcasts over it.
array drop(const array& x, float p, const core::Shape& shape) {
  const array kept = core::random::bernoulli(1 - p, shape);
  return array(1 / (1 - p), x.dtype()) * kept * x;
}

}  // namespace

Dropout::Dropout(float p) : p_(p) { check_probability("Dropout", p); }

array Dropout::operator()(const array& x) const {
  return training() && p_ > 0 ? drop(x, p_, x.shape()) : x;
}

Dropout2d::Dropout2d(float p) : p_(p) { check_probability("Dropout2d", p); }

array Dropout2d::operator()(const array& x) const {
  core::require(x.ndim() == 3 || x.ndim() == 4, "[Dropout2d] Wrong number of dimensions: got ",
                x.ndim(), ", expected 3 or 4.");
  if (!training() || p_ == 0) {
    return x;
  }
  core::Shape mask = x.shape();
  mask[mask.size() - 2] = mask[mask.size() - 3] = 1;
  return drop(x, p_, mask);
}

}  // namespace mlx::nn
