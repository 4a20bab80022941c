#pragma once

// Random numbers. A key (two uint32) gives the same numbers on every machine
// and with any number of threads: values come from a counter hashed with the
// key (Threefry-2x32, 20 rounds). Without a key, one is drawn from the calling
// thread's KeySequence.

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "mlx/core/array.h"
#include "mlx/core/utils.h"

namespace mlx::core::random {

/// Keys one after the other, from a seed.
class KeySequence {
 public:
  explicit KeySequence(uint64_t seed);

  void seed(uint64_t seed);  ///< starts again
  /// A key that the sequence has not given before.
  array next();

  /// The calling thread's own. Seeded from the time until seed() is called.
  static KeySequence& default_();

 private:
  array key_;
};

/// The key of a seed: uint32 {high half, low half}.
array key(uint64_t seed);

/// Seeds the calling thread's sequence of keys.
void seed(uint64_t seed);

/// Uniform bits: uint32, uint16 or uint8 for `width` 4, 2 or 1 bytes.
/// Errors: std::invalid_argument for another width, or for a key (here and
/// below) that is not uint32 of shape (2).
array bits(const Shape& shape, int width, const std::optional<array>& key = std::nullopt,
           StreamOrDevice s = {});
array bits(const Shape& shape, const std::optional<array>& key = std::nullopt,
           StreamOrDevice s = {});

/// Two keys from one.
std::pair<array, array> split(const array& key, StreamOrDevice s = {});
/// `num` keys from one. Shapes: (num, 2).
array split(const array& key, int num, StreamOrDevice s = {});

/// Uniform in [low, high).
/// Shapes: low and high broadcast to `shape`. Dtypes: float16, bfloat16, float32.
/// Errors: std::invalid_argument for other dtypes and shapes.
/// Grad: flows to low and high.
array uniform(const array& low, const array& high, const Shape& shape, Dtype dtype = float32,
              const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});
template <typename T, typename U>
requires(std::is_arithmetic_v<T>&& std::is_arithmetic_v<U>) array
    uniform(T low, U high, const Shape& shape, Dtype dtype = float32,
            const std::optional<array>& key = std::nullopt, StreamOrDevice s = {}) {
  return uniform(array(low), array(high), shape, dtype, key, s);
}
/// Uniform in [0, 1).
array uniform(const Shape& shape, Dtype dtype, const std::optional<array>& key = std::nullopt,
              StreamOrDevice s = {});
array uniform(const Shape& shape, const std::optional<array>& key = std::nullopt,
              StreamOrDevice s = {});

/// Normal with mean `loc` (0) and standard deviation `scale` (1). A complex64
/// value has two independent parts of variance 1/2.
/// Shapes: loc and scale broadcast to `shape`. Dtypes: floating or complex64;
/// float64 has the resolution of float32.
/// Errors: std::invalid_argument for other dtypes and shapes.
/// Grad: flows to loc and scale.
array normal(const Shape& shape, Dtype dtype, const std::optional<array>& loc,
             const std::optional<array>& scale, const std::optional<array>& key,
             StreamOrDevice s = {});
array normal(const Shape& shape, Dtype dtype, float loc, float scale,
             const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});
array normal(const Shape& shape, float loc, float scale,
             const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});
array normal(const Shape& shape, Dtype dtype, const std::optional<array>& key = std::nullopt,
             StreamOrDevice s = {});
array normal(const Shape& shape, const std::optional<array>& key = std::nullopt,
             StreamOrDevice s = {});

/// Integers in [low, high), or low where that is empty. Drawn with the
/// resolution of float32: of a range beyond 2^24 not every value occurs.
/// Shapes: low and high broadcast to `shape`. Dtypes: integers and bool.
/// Errors: std::invalid_argument for other dtypes and shapes.
array randint(const array& low, const array& high, const Shape& shape, Dtype dtype = int32,
              const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});
template <typename T, typename U>
requires(std::is_arithmetic_v<T>&& std::is_arithmetic_v<U>) array
    randint(T low, U high, const Shape& shape, Dtype dtype = int32,
            const std::optional<array>& key = std::nullopt, StreamOrDevice s = {}) {
  return randint(array(low), array(high), shape, dtype, key, s);
}

/// True with probability p (1/2): always for 1, never for 0.
/// Shapes: p broadcasts to `shape`, by default p's own. Dtypes: p floating; the result bool.
/// Errors: std::invalid_argument for other dtypes and shapes.
array bernoulli(const array& p, const Shape& shape, const std::optional<array>& key = std::nullopt,
                StreamOrDevice s = {});
array bernoulli(const array& p, const std::optional<array>& key = std::nullopt,
                StreamOrDevice s = {});
template <typename T>
requires(std::is_arithmetic_v<T>) array
    bernoulli(T p, const std::optional<array>& key = std::nullopt, StreamOrDevice s = {}) {
  return bernoulli(array(p), key, s);
}
template <typename T>
requires(std::is_arithmetic_v<T>) array
    bernoulli(T p, const Shape& shape, const std::optional<array>& key = std::nullopt,
              StreamOrDevice s = {}) {
  return bernoulli(array(p), shape, key, s);
}
array bernoulli(const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});

/// Standard normal, restricted to [lower, upper].
/// Shapes: lower and upper broadcast to `shape`, by default to each other.
/// Dtypes: float16, bfloat16, float32.
/// Errors: std::invalid_argument for other dtypes and shapes.
array truncated_normal(const array& lower, const array& upper, const Shape& shape,
                       Dtype dtype = float32, const std::optional<array>& key = std::nullopt,
                       StreamOrDevice s = {});
array truncated_normal(const array& lower, const array& upper, Dtype dtype = float32,
                       const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});

/// The normal distribution with that mean and covariance.
/// Shapes: mean [..., n], cov [..., n, n]; `shape` is what their leading axes
/// broadcast to; the result has one more axis, of n. Dtypes: float32.
/// Errors: std::invalid_argument for other shapes or dtypes.
array multivariate_normal(const array& mean, const array& cov, const Shape& shape, Dtype dtype,
                          const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});

/// The standard Gumbel distribution. Dtypes: float16, bfloat16, float32.
/// Errors: std::invalid_argument for other dtypes.
array gumbel(const Shape& shape, Dtype dtype = float32,
             const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});

/// Indices along `axis`, with probabilities proportional to exp(logits).
/// Shapes: `shape` is what logits' shape without the axis broadcasts to; by
/// default that shape itself; with `num_samples` that shape and one more axis
/// at the end. Dtypes: the result is uint32.
/// Errors: std::out_of_range for an axis, std::invalid_argument for other shapes.
array categorical(const array& logits, int axis, const Shape& shape,
                  const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});
array categorical(const array& logits, int axis, int num_samples,
                  const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});
array categorical(const array& logits, int axis = -1,
                  const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});

/// The Laplace distribution with mean `loc` (0) and scale `scale` (1).
/// Dtypes: floating; float64 has the resolution of float32.
/// Errors: std::invalid_argument for other dtypes.
array laplace(const Shape& shape, Dtype dtype, float loc, float scale,
              const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});
array laplace(const Shape& shape, float loc, float scale,
              const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});
array laplace(const Shape& shape, Dtype dtype, const std::optional<array>& key = std::nullopt,
              StreamOrDevice s = {});
array laplace(const Shape& shape, const std::optional<array>& key = std::nullopt,
              StreamOrDevice s = {});

/// The slices of x along `axis` in random order. Grad: flows to x.
/// Errors: std::invalid_argument for an axis that x does not have.
array permutation(const array& x, int axis = 0, const std::optional<array>& key = std::nullopt,
                  StreamOrDevice s = {});
/// 0 to x - 1 in random order. Dtypes: uint32.
array permutation(int x, const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});

}  // namespace mlx::core::random
