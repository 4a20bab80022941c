#include "mlx/nn/layers/norm.h"

#include <numeric>
#include <optional>

#include "mlx/core/base/error.h"
#include "mlx/core/fast.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/utils.h"

namespace mlx::nn {

using core::require;

namespace {

/// The dtype to compute statistics in.
core::Dtype wide(core::Dtype dtype) {
  return dtype == core::float16 || dtype == core::bfloat16 ? core::float32 : dtype;
}

void check_features(const char* layer, const array& x, int expected) {
  require(x.ndim() > 0 && x.shape(-1) == expected, "[", layer,
          "] Wrong size of the last axis: got shape ", x.shape(), ", expected [..., ", expected,
          "].");
}

std::optional<array> parameter(const Module& layer, const char* name) {
  return layer.has(name) ? std::optional(layer[name]) : std::nullopt;
}

array scale_and_shift(const Module& layer, array y) {
  if (layer.has("weight")) {
    y = y * layer["weight"];
  }
  return layer.has("bias") ? y + layer["bias"] : y;
}

array normalize(const array& x, const array& mean, const array& var, float eps) {
  return (x - mean) * core::rsqrt(var + array(eps, var.dtype()));
}

}  // namespace

LayerNorm::LayerNorm(int dims, float eps, bool affine, bool bias) : dims_(dims), eps_(eps) {
  if (affine) {
    add("weight", core::ones({dims}));
  }
  if (affine && bias) {
    add("bias", core::zeros({dims}));
  }
}

array LayerNorm::operator()(const array& x) const {
  check_features("LayerNorm", x, dims_);
  return core::fast::layer_norm(x, parameter(*this, "weight"), parameter(*this, "bias"), eps_);
}

RMSNorm::RMSNorm(int dims, float eps) : dims_(dims), eps_(eps) {
  add("weight", core::ones({dims}));
}

array RMSNorm::operator()(const array& x) const {
  check_features("RMSNorm", x, dims_);
  return core::fast::rms_norm(x, (*this)["weight"], eps_);
}

BatchNorm::BatchNorm(int num_features, float eps, float momentum, bool affine,
                     bool track_running_stats)
    : num_features_(num_features), eps_(eps), momentum_(momentum), tracking_(track_running_stats) {
  if (affine) {
    add("weight", core::ones({num_features}));
    add("bias", core::zeros({num_features}));
  }
  if (tracking_) {
    add_buffer("running_mean", core::zeros({num_features}));
    add_buffer("running_var", core::ones({num_features}));
  }
}

array BatchNorm::operator()(const array& x) {
  check_features("BatchNorm", x, num_features_);
  require(x.ndim() >= 2 && x.ndim() <= 4, "[BatchNorm] Wrong number of dimensions: got ", x.ndim(),
          ", expected 2 to 4.");
  const array w = core::astype(x, wide(x.dtype()));
  if (!training() && tracking_) {
    const array y = normalize(w, (*this)["running_mean"], (*this)["running_var"], eps_);
    return scale_and_shift(*this, core::astype(y, x.dtype()));
  }

  std::vector<int> axes(x.ndim() - 1);
  std::iota(axes.begin(), axes.end(), 0);
  const array mean = core::mean(w, axes), var = core::var(w, axes);
  if (training() && tracking_) {
    const auto count = static_cast<float>(x.size()) / static_cast<float>(num_features_);
    const float unbiased = count > 1 ? count / (count - 1) : 1;
    auto move = [&](const char* name, const array& batch) {
      array& running = (*this)[name];
      const core::Dtype dtype = running.dtype();
      running = array(1 - momentum_, dtype) * running +
                array(momentum_, dtype) * core::stop_gradient(core::astype(batch, dtype));
    };
    move("running_mean", mean);
    move("running_var", var * array(unbiased, var.dtype()));
  }
  return scale_and_shift(*this, core::astype(normalize(w, mean, var, eps_), x.dtype()));
}

}  // namespace mlx::nn
