// Pooling is two steps over one axis each, since a window's maximum (or mean)
// is that of its rows' maxima (means). Windows that do not overlap are a
// reshape and a reduction; others are a fold over the strided slices that hold
// the windows' first, second, ... elements. Both read views of the input.

#include "mlx/nn/layers/pool.h"

#include <cmath>

#include "mlx/core/base/error.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/utils.h"

namespace mlx::nn {

using core::require;
using core::Shape;

namespace {

/// How windows are reduced: an axis at once, or two operands at a time.
struct Pooling {
  const char* layer;
  float padding;
  array (*over_axes)(const array&, const std::vector<int>&);
  array (*of_two)(const array&, const array&);
};

const Pooling kMax{"MaxPool2d", -INFINITY,
                   [](const array& x, const std::vector<int>& axes) { return core::max(x, axes); },
                   [](const array& a, const array& b) { return core::maximum(a, b); }};

const Pooling kSum{"AvgPool2d", 0,
                   [](const array& x, const std::vector<int>& axes) { return core::sum(x, axes); },
                   [](const array& a, const array& b) { return core::add(a, b); }};

void check_window(const Pooling& r, Extent2d kernel, Extent2d stride, Extent2d padding) {
  require(kernel.height > 0 && kernel.width > 0 && stride.height > 0 && stride.width > 0 &&
              padding.height >= 0 && padding.width >= 0,
          "[", r.layer, "] Kernel and stride must be positive and the padding not negative: got ",
          kernel.height, " x ", kernel.width, ", ", stride.height, " x ", stride.width, ", ",
          padding.height, " x ", padding.width, ".");
  require(2 * padding.height <= kernel.height && 2 * padding.width <= kernel.width, "[", r.layer,
          "] The padding is more than half the kernel: got ", padding.height, " x ", padding.width,
          " for a kernel ", kernel.height, " x ", kernel.width, ".");
}

/// x without the rows (or columns) that fill no window, each axis in two: windows, elements.
array split_windows(const array& x, Extent2d kernel) {
  const int64_t rows = x.shape(1) / kernel.height, columns = x.shape(2) / kernel.width;
  const array whole =
      core::slice(x, Shape{0, 0, 0, 0},
                  Shape{x.shape(0), rows * kernel.height, columns * kernel.width, x.shape(3)});
  return core::reshape(whole, {x.shape(0), rows, kernel.height, columns, kernel.width, x.shape(3)});
}

array fold(const array& x, const Pooling& r, int axis, int kernel, int stride) {
  const int64_t count = (x.shape(axis) - kernel) / stride + 1;
  auto elements = [&](int64_t first) {
    Shape start(x.ndim(), 0), stop = x.shape(), step(x.ndim(), 1);
    const auto at = static_cast<size_t>(axis);
    start[at] = first;
    stop[at] = first + (count - 1) * stride + 1;
    step[at] = stride;
    return core::slice(x, start, stop, step);
  };
  array out = elements(0);
  for (int i = 1; i < kernel; ++i) {
    out = r.of_two(out, elements(i));
  }
  return out;
}

array pool(array x, const Pooling& r, Extent2d kernel, Extent2d stride, Extent2d padding) {
  require(x.ndim() == 4, "[", r.layer, "] Wrong number of dimensions: got ", x.ndim(),
          ", expected 4.");
  if (padding.height > 0 || padding.width > 0) {
    x = core::pad(
        x, {{0, 0}, {padding.height, padding.height}, {padding.width, padding.width}, {0, 0}},
        array(r.padding, x.dtype()));
  }
  require(x.shape(1) >= kernel.height && x.shape(2) >= kernel.width, "[", r.layer,
          "] The input is smaller than a window: got shape ", x.shape(), ", expected at least ",
          kernel.height, " x ", kernel.width, ".");
  if (kernel.pair() == stride.pair()) {
    return r.over_axes(split_windows(x, kernel), {2, 4});
  }
  return fold(fold(x, r, 1, kernel.height, stride.height), r, 2, kernel.width, stride.width);
}

}  // namespace

MaxPool2d::MaxPool2d(Extent2d kernel_size, std::optional<Extent2d> stride, Extent2d padding)
    : kernel_(kernel_size), stride_(stride.value_or(kernel_size)), padding_(padding) {
  check_window(kMax, kernel_, stride_, padding_);
}

array MaxPool2d::operator()(const array& x) const {
  return pool(x, kMax, kernel_, stride_, padding_);
}

AvgPool2d::AvgPool2d(Extent2d kernel_size, std::optional<Extent2d> stride, Extent2d padding)
    : kernel_(kernel_size), stride_(stride.value_or(kernel_size)), padding_(padding) {
  check_window(kSum, kernel_, stride_, padding_);
}

array AvgPool2d::operator()(const array& x) const {
  const auto count = static_cast<float>(kernel_.height * kernel_.width);
  return pool(x, kSum, kernel_, stride_, padding_) * array(1 / count, x.dtype());
}

}  // namespace mlx::nn
