#pragma once

// Arrays from nothing. None of them has a gradient, except full to its values
// and tril, triu and meshgrid to their arrays.

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/utils.h"

namespace mlx::core {

/// start, start + step, ... before stop. Each element is computed from its index:
/// errors do not accumulate.
/// Dtypes: float32 for floating-point bounds, int32 for int, or as given. For an
/// integer dtype, as NumPy has it: so many as there would be of floating point; the first
/// two of those, truncated, are the first two here.
/// Errors: std::invalid_argument for bool, a step of 0, bounds that are not finite.
array arange(double start, double stop, double step, Dtype dtype, StreamOrDevice s = {});
array arange(double start, double stop, double step, StreamOrDevice s = {});
array arange(double start, double stop, Dtype dtype, StreamOrDevice s = {});
array arange(double start, double stop, StreamOrDevice s = {});
array arange(double stop, Dtype dtype, StreamOrDevice s = {});
array arange(double stop, StreamOrDevice s = {});
array arange(int start, int stop, int step, StreamOrDevice s = {});
array arange(int start, int stop, StreamOrDevice s = {});
array arange(int stop, StreamOrDevice s = {});

/// `num` samples from start to stop, both included unless `endpoint` is false.
/// Dtypes: computed in float32 (float64 for that dtype), then cast.
/// Errors: std::invalid_argument for num < 0.
array linspace(double start, double stop, int num, bool endpoint, Dtype dtype = float32,
               StreamOrDevice s = {});
array linspace(double start, double stop, int num = 50, Dtype dtype = float32,
               StreamOrDevice s = {});

/// An array of one value, or `vals` broadcast to the shape. A view of the value:
/// it takes no memory until somebody writes to it.
/// Dtypes: that of `vals` or as given.
/// Errors: std::invalid_argument for negative sizes, or vals that do not broadcast.
/// Grad: to `vals`.
array full(Shape shape, array vals, Dtype dtype, StreamOrDevice s = {});
array full(Shape shape, array vals, StreamOrDevice s = {});
template <typename T>
requires(!is_array_v<T>) array full(Shape shape, T val, Dtype dtype, StreamOrDevice s = {}) {
  return full(std::move(shape), array(val), dtype, s);
}
template <typename T>
requires(!is_array_v<T>) array full(Shape shape, T val, StreamOrDevice s = {}) {
  return full(std::move(shape), array(val), s);
}

/// full in the shape of `a`. Dtypes: a's or as given.
array full_like(const array& a, array vals, Dtype dtype, StreamOrDevice s = {});
array full_like(const array& a, array vals, StreamOrDevice s = {});
template <typename T>
requires(!is_array_v<T>) array
    full_like(const array& a, T val, Dtype dtype, StreamOrDevice s = {}) {
  return full_like(a, array(val), dtype, s);
}
template <typename T>
requires(!is_array_v<T>) array full_like(const array& a, T val, StreamOrDevice s = {}) {
  return full_like(a, array(val), s);
}

/// full of 0. Dtypes: float32 or as given.
array zeros(const Shape& shape, Dtype dtype, StreamOrDevice s = {});
array zeros(const Shape& shape, StreamOrDevice s = {});

/// Zeros in the shape of `a`. Dtypes: a's or as given.
array zeros_like(const array& a, StreamOrDevice s = {});
array zeros_like(const array& a, Dtype dtype, StreamOrDevice s = {});

/// full of 1. Dtypes: float32 or as given.
array ones(const Shape& shape, Dtype dtype, StreamOrDevice s = {});
array ones(const Shape& shape, StreamOrDevice s = {});

/// Ones in the shape of `a`. Dtypes: a's or as given.
array ones_like(const array& a, StreamOrDevice s = {});
array ones_like(const array& a, Dtype dtype, StreamOrDevice s = {});

/// An n x m matrix with ones on its k-th diagonal: above the main one for k > 0.
/// Dtypes: float32 or as given. Errors: std::invalid_argument for negative sizes.
array eye(int n, int m, int k, Dtype dtype, StreamOrDevice s = {});
array eye(int n, Dtype dtype, StreamOrDevice s = {});
array eye(int n, int m, StreamOrDevice s = {});
array eye(int n, int m, int k, StreamOrDevice s = {});
array eye(int n, StreamOrDevice s = {});

/// The n x n unit matrix. Dtypes and errors as eye.
array identity(int n, Dtype dtype, StreamOrDevice s = {});
array identity(int n, StreamOrDevice s = {});

/// An n x m matrix with ones on and below its k-th diagonal. Dtypes and errors as eye.
array tri(int n, int m, int k, Dtype type, StreamOrDevice s = {});
array tri(int n, Dtype type, StreamOrDevice s = {});

/// `x` with zeros above the k-th diagonal of the last two axes.
/// Errors: std::invalid_argument for fewer than two axes. Grad: the cotangent, cut alike.
array tril(array x, int k = 0, StreamOrDevice s = {});

/// `x` with zeros below the k-th diagonal of the last two axes.
/// Errors and gradient as tril.
array triu(array x, int k = 0, StreamOrDevice s = {});

/// The coordinates of a grid: array i varies along axis i ("ij"), or with the first
/// two axes exchanged ("xy"). Views; `sparse` leaves the other axes at size 1.
/// Shapes: vectors; other arrays are flattened.
/// Errors: std::invalid_argument for another indexing.
std::vector<array> meshgrid(const std::vector<array>& arrays, bool sparse = false,
                            const std::string& indexing = "xy", StreamOrDevice s = {});

/// 0.5 - 0.5 cos(2 pi n / (M - 1)), float32. M < 1 gives an empty array, M = 1 a one.
array hanning(int M, StreamOrDevice s = {});

/// 0.54 - 0.46 cos(2 pi n / (M - 1)), float32. Small M as hanning.
array hamming(int M, StreamOrDevice s = {});

/// 1 - |2 n / (M - 1) - 1|, float32. Small M as hanning.
array bartlett(int M, StreamOrDevice s = {});

/// 0.42 - 0.5 cos(2 pi n / (M - 1)) + 0.08 cos(4 pi n / (M - 1)), float32. Small M as hanning.
array blackman(int M, StreamOrDevice s = {});

}  // namespace mlx::core
