#include "mlx/core/ops/creation.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/creation_ops.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {
namespace {

Type infer_arange(Inputs, const Attrs& attrs) {
  const auto& a = attrs.get<ArangeAttrs>();
  return {Shape{a.count}, a.dtype};
}

}  // namespace

constinit const Op kArange{.name = "Arange", .infer = infer_arange, .holds_sizes = kAlways};

array arange(double start, double stop, double step, Dtype dtype, StreamOrDevice s) {
  require(dtype != bool_, "[arange] Dtype: got bool, expected a number.");
  require(std::isfinite(start) && std::isfinite(stop) && !std::isnan(step),
          "[arange] Start, stop and step: got ", start, ", ", stop, " and ", step,
          ", expected numbers.");
  require(step != 0, "[arange] Step: got 0.");
  const double count = std::max(0.0, std::ceil((stop - start) / step));
  require(count < 0x1p53, "[arange] Too many elements.");
  if (issubdtype(dtype, integer)) {  // as NumPy: the first two elements truncated give the step
    step = std::trunc(start + step) - std::trunc(start);
    start = std::trunc(start);
  }
  return make_node(kArange, {},
                   Attrs(ArangeAttrs{start, step, static_cast<ShapeElem>(count), dtype}),
                   to_stream(std::move(s)));
}

array arange(double start, double stop, double step, StreamOrDevice s) {
  return arange(start, stop, step, float32, std::move(s));
}
array arange(double start, double stop, Dtype dtype, StreamOrDevice s) {
  return arange(start, stop, 1.0, dtype, std::move(s));
}
array arange(double start, double stop, StreamOrDevice s) {
  return arange(start, stop, 1.0, float32, std::move(s));
}
array arange(double stop, Dtype dtype, StreamOrDevice s) {
  return arange(0.0, stop, 1.0, dtype, std::move(s));
}
array arange(double stop, StreamOrDevice s) {
  return arange(0.0, stop, 1.0, float32, std::move(s));
}
array arange(int start, int stop, int step, StreamOrDevice s) {
  return arange(static_cast<double>(start), static_cast<double>(stop), static_cast<double>(step),
                int32, std::move(s));
}
array arange(int start, int stop, StreamOrDevice s) { return arange(start, stop, 1, std::move(s)); }
array arange(int stop, StreamOrDevice s) { return arange(0, stop, 1, std::move(s)); }

array linspace(double start, double stop, int num, bool endpoint, Dtype dtype, StreamOrDevice s) {
  require(num >= 0, "[linspace] Number of samples: got ", num, ", expected at least 0.");
  if (num == 1) {
    return full({1}, array(start, float64), dtype, s);
  }
  const Dtype working = dtype == float64 ? float64 : float32;
  const array steps(static_cast<double>(endpoint ? num - 1 : num), working);
  const array t = divide(arange(0.0, num, working, s), steps, s);
  const array from_start = multiply(subtract(array(1, working), t, s), array(start, working), s);
  return astype(add(from_start, multiply(t, array(stop, working), s), s), dtype, s);
}

array linspace(double start, double stop, int num, Dtype dtype, StreamOrDevice s) {
  return linspace(start, stop, num, true, dtype, std::move(s));
}

array full(Shape shape, array vals, Dtype dtype, StreamOrDevice s) {
  require(std::all_of(shape.begin(), shape.end(), [](ShapeElem n) { return n >= 0; }),
          "[full] Negative size in shape ", shape, ".");
  return broadcast_to(astype(std::move(vals), dtype, s), shape, s);
}

array full(Shape shape, array vals, StreamOrDevice s) {
  const Dtype dtype = vals.dtype();
  return full(std::move(shape), std::move(vals), dtype, std::move(s));
}

array full_like(const array& a, array vals, Dtype dtype, StreamOrDevice s) {
  return full(a.shape(), std::move(vals), dtype, std::move(s));
}
array full_like(const array& a, array vals, StreamOrDevice s) {
  return full_like(a, std::move(vals), a.dtype(), std::move(s));
}

array zeros(const Shape& shape, Dtype dtype, StreamOrDevice s) {
  return full(shape, array(0, dtype), std::move(s));
}
array zeros(const Shape& shape, StreamOrDevice s) { return zeros(shape, float32, std::move(s)); }
array zeros_like(const array& a, Dtype dtype, StreamOrDevice s) {
  return zeros(a.shape(), dtype, std::move(s));
}
array zeros_like(const array& a, StreamOrDevice s) {
  return zeros_like(a, a.dtype(), std::move(s));
}

array ones(const Shape& shape, Dtype dtype, StreamOrDevice s) {
  return full(shape, array(1, dtype), std::move(s));
}
array ones(const Shape& shape, StreamOrDevice s) { return ones(shape, float32, std::move(s)); }
array ones_like(const array& a, Dtype dtype, StreamOrDevice s) {
  return ones(a.shape(), dtype, std::move(s));
}
array ones_like(const array& a, StreamOrDevice s) { return ones_like(a, a.dtype(), std::move(s)); }

namespace {

void check_matrix(int n, int m, const char* op) {
  require(n >= 0 && m >= 0, "[", std::string_view(op), "] Rows and columns: got ", n, " and ", m,
          ", expected at least 0.");
}

// Row numbers as a column, and column numbers less k: comparing them says
// where an element lies from the k-th diagonal.
std::pair<array, array> row_and_diagonal(int n, int m, int k, StreamOrDevice s) {
  return {expand_dims(arange(0, n, 1, s), 1, s), arange(-k, m - k, 1, s)};
}

}  // namespace

array eye(int n, int m, int k, Dtype dtype, StreamOrDevice s) {
  check_matrix(n, m, "eye");
  const auto [row, diagonal] = row_and_diagonal(n, m, k, s);
  return astype(equal(row, diagonal, s), dtype, s);
}
array eye(int n, Dtype dtype, StreamOrDevice s) { return eye(n, n, 0, dtype, std::move(s)); }
array eye(int n, int m, StreamOrDevice s) { return eye(n, m, 0, float32, std::move(s)); }
array eye(int n, int m, int k, StreamOrDevice s) { return eye(n, m, k, float32, std::move(s)); }
array eye(int n, StreamOrDevice s) { return eye(n, n, 0, float32, std::move(s)); }
array identity(int n, Dtype dtype, StreamOrDevice s) { return eye(n, dtype, std::move(s)); }
array identity(int n, StreamOrDevice s) { return eye(n, std::move(s)); }

array tri(int n, int m, int k, Dtype type, StreamOrDevice s) {
  check_matrix(n, m, "tri");
  const auto [row, diagonal] = row_and_diagonal(n, m, k, s);
  return astype(greater_equal(row, diagonal, s), type, s);
}
array tri(int n, Dtype type, StreamOrDevice s) { return tri(n, n, 0, type, std::move(s)); }

namespace {

array keep_triangle(const array& x, int k, bool lower, const char* op, StreamOrDevice s) {
  require(x.ndim() >= 2, "[", std::string_view(op), "] Number of dimensions: got ", x.ndim(),
          ", expected at least 2.");
  const int n = static_cast<int>(x.shape(-2));
  const int m = static_cast<int>(x.shape(-1));
  const array mask = tri(n, m, lower ? k : k - 1, bool_, s);
  const array zero(0, x.dtype());
  return lower ? where(mask, x, zero, s) : where(mask, zero, x, s);
}

}  // namespace

array tril(array x, int k, StreamOrDevice s) {
  return keep_triangle(x, k, true, "tril", std::move(s));
}
array triu(array x, int k, StreamOrDevice s) {
  return keep_triangle(x, k, false, "triu", std::move(s));
}

std::vector<array> meshgrid(const std::vector<array>& arrays, bool sparse,
                            const std::string& indexing, StreamOrDevice s) {
  require(indexing == "xy" || indexing == "ij", "[meshgrid] Indexing: got ", indexing,
          ", expected xy or ij.");
  const size_t count = arrays.size();
  const bool swap = indexing == "xy" && count >= 2;  // the first two axes change places
  std::vector<array> grids;
  for (size_t i = 0; i < count; ++i) {
    Shape shape(count, 1);
    shape[swap && i < 2 ? 1 - i : i] = static_cast<ShapeElem>(arrays[i].size());
    grids.push_back(reshape(arrays[i], std::move(shape), s));
  }
  return sparse ? grids : broadcast_arrays(grids, s);
}

namespace {

// Sum of coefficients[i] cos(2 pi i n / (M - 1)).
array cosine_window(int M, std::initializer_list<double> coefficients, StreamOrDevice s) {
  if (M < 1) {
    return zeros({0}, s);
  }
  if (M == 1) {
    return ones({1}, s);
  }
  const array n = arange(0.0, static_cast<double>(M), float32, s);
  array window(*coefficients.begin());
  int i = 0;
  for (double c : coefficients) {
    if (i > 0) {
      const array phase = multiply(n, array(2 * std::numbers::pi * i / (M - 1)), s);
      window = add(window, multiply(array(c), cos(phase, s), s), s);
    }
    ++i;
  }
  return window;
}

}  // namespace

array hanning(int M, StreamOrDevice s) { return cosine_window(M, {0.5, -0.5}, std::move(s)); }
array hamming(int M, StreamOrDevice s) { return cosine_window(M, {0.54, -0.46}, std::move(s)); }
array blackman(int M, StreamOrDevice s) {
  return cosine_window(M, {0.42, -0.5, 0.08}, std::move(s));
}

array bartlett(int M, StreamOrDevice s) {
  if (M < 1) {
    return zeros({0}, s);
  }
  if (M == 1) {
    return ones({1}, s);
  }
  const array position = abs(
      subtract(multiply(arange(0.0, static_cast<double>(M), float32, s), array(2.0 / (M - 1)), s),
               array(1.0), s),
      s);
  return subtract(array(1.0), position, s);
}

}  // namespace mlx::core
