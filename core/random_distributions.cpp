// Distributions, made of uniform bits.

#include <cmath>
#include <limits>
#include <numbers>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/linalg_ops.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/reduction_axes.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/ops/sort.h"
#include "mlx/core/random.h"

namespace mlx::core::random {
namespace {

using OptionalKey = std::optional<array>;

// -1 would become minus infinity where the inverse of a distribution is taken.
const float kAboveMinusOne = std::nextafter(-1.0f, 0.0f);

void require_shape(const Shape& got, const Shape& shape, const char* op) {
  require(broadcast_shapes(got, shape) == shape, "[", op, "] Parameters of shape ", got,
          " do not broadcast to the shape ", shape, ".");
}

bool is_drawable(Dtype dtype) { return issubdtype(dtype, floating) && dtype != float64; }

// Uniform in [0, 1), also after rounding to a narrower dtype.
array unit_interval(const Shape& shape, Dtype dtype, const OptionalKey& key, Stream s) {
  require(is_drawable(dtype), "[uniform] Dtype: got ", dtype,
          ", expected float16, bfloat16 or float32.");
  const int digits = dtype == float16 ? 11 : dtype == bfloat16 ? 8 : 24;
  const array below_one(1.0f - std::ldexp(1.0f, -digits));
  const array u = multiply(astype(bits(shape, key, s), float32, s), array(0x1p-32f), s);
  return astype(minimum(u, below_one, s), dtype, s);
}

array minus_one_to_one(const Shape& shape, const OptionalKey& key, Stream s) {
  return uniform(array(kAboveMinusOne), array(1.0f), shape, float32, key, s);
}

}  // namespace

// ---- uniform

array uniform(const array& low, const array& high, const Shape& shape, Dtype dtype,
              const OptionalKey& key, StreamOrDevice s) {
  const Stream stream = to_stream(s);
  require_shape(low.shape(), shape, "uniform");
  require_shape(high.shape(), shape, "uniform");
  const array u = unit_interval(shape, dtype, key, stream);
  const array from = astype(low, dtype, stream);
  const array range = subtract(astype(high, dtype, stream), from, stream);
  return add(multiply(u, range, stream), from, stream);
}

array uniform(const Shape& shape, Dtype dtype, const OptionalKey& key, StreamOrDevice s) {
  return unit_interval(shape, dtype, key, to_stream(s));
}

array uniform(const Shape& shape, const OptionalKey& key, StreamOrDevice s) {
  return unit_interval(shape, float32, key, to_stream(s));
}

// ---- normal

namespace {

array scaled_and_moved(array x, const OptionalKey& loc, const OptionalKey& scale, Stream s) {
  const Dtype dtype = x.dtype();
  if (scale) {
    x = multiply(x, astype(*scale, dtype, s), s);
  }
  return loc ? add(x, astype(*loc, dtype, s), s) : x;
}

array complex_normal(const Shape& shape, const OptionalKey& key, Stream s) {
  Shape parts = shape;
  parts.push_back(2);
  const array x = view(erfinv(minus_one_to_one(parts, key, s), s), complex64, s);
  return reshape(x, shape, s);
}

}  // namespace

array normal(const Shape& shape, Dtype dtype, const std::optional<array>& loc,
             const std::optional<array>& scale, const OptionalKey& key, StreamOrDevice s) {
  require(issubdtype(dtype, inexact), "[normal] Dtype: got ", dtype,
          ", expected a floating or complex dtype.");
  if (loc) {
    require_shape(loc->shape(), shape, "normal");
  }
  if (scale) {
    require_shape(scale->shape(), shape, "normal");
  }
  const Stream stream = to_stream(s);
  if (dtype == complex64) {
    return scaled_and_moved(complex_normal(shape, key, stream), loc, scale, stream);
  }
  const array x = astype(erfinv(minus_one_to_one(shape, key, stream), stream), dtype, stream);
  const array root_of_two(std::numbers::sqrt2, dtype);
  const array factor =
      scale ? multiply(root_of_two, astype(*scale, dtype, stream), stream) : root_of_two;
  return scaled_and_moved(x, loc, factor, stream);
}

array normal(const Shape& shape, Dtype dtype, float loc, float scale, const OptionalKey& key,
             StreamOrDevice s) {
  const auto unless = [&](float value, float neutral) {
    return value == neutral ? std::nullopt : OptionalKey(array(value, dtype));
  };
  return normal(shape, dtype, unless(loc, 0), unless(scale, 1), key, s);
}

array normal(const Shape& shape, float loc, float scale, const OptionalKey& key, StreamOrDevice s) {
  return normal(shape, float32, loc, scale, key, s);
}

array normal(const Shape& shape, Dtype dtype, const OptionalKey& key, StreamOrDevice s) {
  return normal(shape, dtype, std::nullopt, std::nullopt, key, s);
}

array normal(const Shape& shape, const OptionalKey& key, StreamOrDevice s) {
  return normal(shape, float32, std::nullopt, std::nullopt, key, s);
}

array truncated_normal(const array& lower, const array& upper, const Shape& shape, Dtype dtype,
                       const OptionalKey& key, StreamOrDevice s) {
  require(is_drawable(dtype), "[truncated_normal] Dtype: got ", dtype,
          ", expected float16, bfloat16 or float32.");
  const Stream stream = to_stream(s);
  const array root_of_two(std::numbers::sqrt2, dtype);
  const array low = astype(lower, dtype, stream);
  const array high = astype(upper, dtype, stream);
  const auto probability = [&](const array& x) {
    return erf(divide(x, root_of_two, stream), stream);
  };
  const array u = uniform(probability(low), probability(high), shape, dtype, key, stream);
  const array x = multiply(root_of_two, erfinv(u, stream), stream);
  return maximum(minimum(x, high, stream), low, stream);
}

array truncated_normal(const array& lower, const array& upper, Dtype dtype, const OptionalKey& key,
                       StreamOrDevice s) {
  return truncated_normal(lower, upper, broadcast_shapes(lower.shape(), upper.shape()), dtype, key,
                          s);
}

// ---- other distributions of floats

array multivariate_normal(const array& mean, const array& cov, const Shape& shape, Dtype dtype,
                          const std::optional<array>& key, StreamOrDevice s) {
  require(dtype == float32, "[multivariate_normal] Dtype: got ", dtype, ", expected float32.");
  require(mean.ndim() >= 1 && cov.ndim() >= 2 && cov.shape(-1) == cov.shape(-2) &&
              mean.shape(-1) == cov.shape(-1),
          "[multivariate_normal] Mean and covariance: got shapes ", mean.shape(), " and ",
          cov.shape(), ", expected [..., n] and [..., n, n].");
  const Shape leading = broadcast_shapes(Shape(mean.shape().begin(), mean.shape().end() - 1),
                                         Shape(cov.shape().begin(), cov.shape().end() - 2));
  require_shape(leading, shape, "multivariate_normal");
  const Stream stream = to_stream(s);
  // The symmetric root of the covariance, from its singular values.
  const Arrays usv =
      make_nodes(kSvd, {astype(cov, float32, stream)}, Attrs(VectorsAttrs{true}), stream);
  const array scaled = multiply(usv[0], expand_dims(sqrt(usv[1], stream), -2, stream), stream);
  const array root = matmul(scaled, usv[2], stream);
  Shape full = shape;
  full.push_back(mean.shape(-1));
  const array z = normal(full, float32, key, stream);
  const array correlated = squeeze(matmul(expand_dims(z, -2, stream), root, stream), -2, stream);
  return add(correlated, astype(mean, float32, stream), stream);
}

array gumbel(const Shape& shape, Dtype dtype, const OptionalKey& key, StreamOrDevice s) {
  const auto negative_log = [&](const array& x) { return negative(log(x, s), s); };
  return negative_log(negative_log(uniform(shape, dtype, key, s)));
}

array laplace(const Shape& shape, Dtype dtype, float loc, float scale, const OptionalKey& key,
              StreamOrDevice s) {
  require(issubdtype(dtype, floating), "[laplace] Dtype: got ", dtype,
          ", expected a floating dtype.");
  const Stream stream = to_stream(s);
  const array u = minus_one_to_one(shape, key, stream);
  const array x =
      multiply(sign(u, stream), log1p(negative(abs(u, stream), stream), stream), stream);
  const auto unless = [&](float value, float neutral) {
    return value == neutral ? std::nullopt : OptionalKey(array(value, dtype));
  };
  return scaled_and_moved(astype(x, dtype, stream), unless(loc, 0), unless(scale, 1), stream);
}

array laplace(const Shape& shape, float loc, float scale, const OptionalKey& key,
              StreamOrDevice s) {
  return laplace(shape, float32, loc, scale, key, s);
}

array laplace(const Shape& shape, Dtype dtype, const OptionalKey& key, StreamOrDevice s) {
  return laplace(shape, dtype, 0, 1, key, s);
}

array laplace(const Shape& shape, const OptionalKey& key, StreamOrDevice s) {
  return laplace(shape, float32, 0, 1, key, s);
}

// ---- integers and indices

array randint(const array& low, const array& high, const Shape& shape, Dtype dtype,
              const OptionalKey& key, StreamOrDevice s) {
  require(issubdtype(dtype, integer) || dtype == bool_, "[randint] Dtype: got ", dtype,
          ", expected an integer dtype or bool.");
  const Stream stream = to_stream(s);
  const Dtype wide = dtype == uint64 ? uint64 : int64;
  const array from = astype(low, wide, stream);
  const array last = subtract(astype(high, wide, stream), array(1, wide), stream);
  const array x = floor(uniform(low, high, shape, float32, key, stream), stream);
  const array inside = maximum(minimum(astype(x, wide, stream), last, stream), from, stream);
  return astype(inside, dtype, stream);
}

array bernoulli(const array& p, const Shape& shape, const OptionalKey& key, StreamOrDevice s) {
  require(issubdtype(p.dtype(), floating), "[bernoulli] Dtype of p: got ", p.dtype(),
          ", expected a floating dtype.");
  require_shape(p.shape(), shape, "bernoulli");
  // More than the greatest bits, as float32 holds them.
  const array bound(std::nextafter(0x1p32f, std::numeric_limits<float>::infinity()));
  return less(astype(bits(shape, key, s), float32, s), multiply(p, bound, s), s);
}

array bernoulli(const array& p, const OptionalKey& key, StreamOrDevice s) {
  return bernoulli(p, p.shape(), key, s);
}

array bernoulli(const OptionalKey& key, StreamOrDevice s) { return bernoulli(array(0.5f), key, s); }

namespace {

// One distribution for all samples: each is found in the cumulative probabilities.
array search_categorical(const array& logits, const Shape& shape, const OptionalKey& key,
                         Stream s) {
  const array probabilities = softmax(flatten(astype(logits, float32, s), s), -1, true, s);
  const array below = cumsum(probabilities, 0, false, false, s);
  const array u = uniform(shape, key, s);
  return subtract(searchsorted(below, u, "right", s), array(1, uint32), s);
}

}  // namespace

array categorical(const array& logits, int axis, const Shape& shape, const OptionalKey& key,
                  StreamOrDevice s) {
  axis = checked_axis(axis, logits, "categorical");
  require_shape(reduced_shape(logits.shape(), {axis}, false), shape, "categorical");
  require(logits.shape(axis) > 0, "[categorical] Axis ", axis, " of logits is empty.");
  const Stream stream = to_stream(s);
  if (!shape.empty() && logits.size() == static_cast<size_t>(logits.shape(axis))) {
    return search_categorical(logits, shape, key, stream);
  }
  // The greatest of logits + Gumbel noise is distributed as wanted.
  const auto at = static_cast<size_t>(axis) + shape.size() + 1 - logits.ndim();
  Shape noise(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(at));
  noise.push_back(logits.shape(axis));
  for (size_t i = at; i < shape.size(); ++i) {
    noise.push_back(shape[i]);
  }
  const array noisy = add(logits, gumbel(noise, float32, key, stream), stream);
  return argmax(noisy, static_cast<int>(at), false, stream);
}

array categorical(const array& logits, int axis, int num_samples, const OptionalKey& key,
                  StreamOrDevice s) {
  require(num_samples >= 0, "[categorical] Number of samples: got ", num_samples, ".");
  axis = checked_axis(axis, logits, "categorical");
  Shape shape = reduced_shape(logits.shape(), {axis}, false);
  shape.push_back(num_samples);
  return categorical(expand_dims(logits, -1, s), axis, shape, key, s);
}

array categorical(const array& logits, int axis, const OptionalKey& key, StreamOrDevice s) {
  axis = checked_axis(axis, logits, "categorical");
  return categorical(logits, axis, reduced_shape(logits.shape(), {axis}, false), key, s);
}

array permutation(const array& x, int axis, const OptionalKey& key, StreamOrDevice s) {
  axis = normalize_axis_index(axis, static_cast<int>(x.ndim()), "[permutation] ");
  return take(x, permutation(static_cast<int>(x.shape(axis)), key, s), axis, s);
}

array permutation(int x, const OptionalKey& key, StreamOrDevice s) {
  require(x >= 0, "[permutation] Length: got ", x, ".");
  return argsort(bits(Shape{x}, key, s), s);
}

}  // namespace mlx::core::random
