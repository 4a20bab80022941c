#include "mlx/nn/init.h"

#include <cmath>

#include "mlx/core/base/error.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/random.h"
#include "mlx/core/utils.h"

namespace mlx::nn::init {

namespace {

struct Fans {
  float in;
  float out;
};

Fans fans(const array& a) {
  core::require(a.ndim() >= 2, "[init] fan_in and fan_out need a matrix: got an array with ",
                a.ndim(), " dimensions, expected at least 2.");
  const auto size = static_cast<float>(a.size());
  const auto first = static_cast<float>(a.shape(0)), last = static_cast<float>(a.shape(-1));
  return {size / first, size / last};
}

array draw_normal(const array& like, float mean, float std, Dtype dtype) {
  return core::random::normal(like.shape(), dtype, mean, std);
}

array draw_uniform(const array& like, float low, float high, Dtype dtype) {
  return core::random::uniform(low, high, like.shape(), dtype);
}

}  // namespace

Initializer constant(float value, Dtype dtype) {
  return [=](const array& a) { return core::full(a.shape(), value, dtype); };
}

Initializer normal(float mean, float std, Dtype dtype) {
  return [=](const array& a) { return draw_normal(a, mean, std, dtype); };
}

Initializer uniform(float low, float high, Dtype dtype) {
  return [=](const array& a) { return draw_uniform(a, low, high, dtype); };
}

Initializer identity(Dtype dtype) {
  return [=](const array& a) {
    core::require(a.ndim() == 2 && a.shape(0) == a.shape(1),
                  "[init::identity] Not a square matrix: got shape ", a.shape(), ".");
    return core::eye(static_cast<int>(a.shape(0)), dtype);
  };
}

Initializer glorot_normal(Dtype dtype, float gain) {
  return [=](const array& a) {
    const Fans f = fans(a);
    return draw_normal(a, 0, gain * std::sqrt(2 / (f.in + f.out)), dtype);
  };
}

Initializer glorot_uniform(Dtype dtype, float gain) {
  return [=](const array& a) {
    const Fans f = fans(a);
    const float limit = gain * std::sqrt(6 / (f.in + f.out));
    return draw_uniform(a, -limit, limit, dtype);
  };
}

Initializer he_normal(Dtype dtype, Fan fan, float gain) {
  return [=](const array& a) {
    const Fans f = fans(a);
    return draw_normal(a, 0, gain / std::sqrt(fan == Fan::in ? f.in : f.out), dtype);
  };
}

Initializer he_uniform(Dtype dtype, Fan fan, float gain) {
  return [=](const array& a) {
    const Fans f = fans(a);
    const float limit = gain * std::sqrt(3 / (fan == Fan::in ? f.in : f.out));
    return draw_uniform(a, -limit, limit, dtype);
  };
}

}  // namespace mlx::nn::init
