#include <gtest/gtest.h>

#include <cmath>

#include "core/elements.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace {

using test::quarters;
using test::values;

// ---- the definition, over three spatial axes in double precision

struct ConvCase {
  const char* name;
  Shape input;   // [N, spatial..., C]
  Shape weight;  // [C_out, kernel..., C / groups]
  std::vector<int> stride = {};
  std::vector<int> lo = {};
  std::vector<int> hi = {};
  std::vector<int> kernel_dilation = {};
  std::vector<int> input_dilation = {};
  int groups = 1;
  bool flip = false;
};

using Index = std::array<int64_t, 3>;

// The values of the last axes; 1 (or `otherwise`) for those that are missing.
Index last_axes(const std::vector<int>& v, size_t axes, int64_t otherwise) {
  Index out{otherwise, otherwise, otherwise};
  for (size_t i = 0; i < axes && !v.empty(); ++i) {
    out[3 - axes + i] = v.size() == 1 ? v[0] : v[i];
  }
  return out;
}

Index spatial(const Shape& shape) {
  const size_t axes = shape.size() - 2;
  Index out{1, 1, 1};
  std::copy(shape.begin() + 1, shape.end() - 1, out.end() - static_cast<ptrdiff_t>(axes));
  return out;
}

int64_t flat(const Index& at, const Index& size) {
  return (at[0] * size[1] + at[1]) * size[2] + at[2];
}

// Calls visit(index) for all indices below `size`.
template <typename Visit>
void for_each_index(const Index& size, Visit visit) {
  for (int64_t i = 0; i < size[0] * size[1] * size[2]; ++i) {
    visit(Index{i / (size[1] * size[2]), i / size[2] % size[1], i % size[2]});
  }
}

// Calls visit(input, weight, output) with the positions of every product.
template <typename Visit>
void for_each_product(const ConvCase& c, const Shape& output, Visit visit) {
  const size_t axes = c.input.size() - 2;
  const Index in = spatial(c.input);
  const Index kernel = spatial(c.weight);
  const Index out = spatial(output);
  const Index stride = last_axes(c.stride, axes, 1);
  const Index lo = last_axes(c.lo, axes, 0);
  const Index kd = last_axes(c.kernel_dilation, axes, 1);
  const Index id = last_axes(c.input_dilation, axes, 1);
  const int64_t channels = c.input.back();
  const int64_t width = c.weight.back();
  const int64_t outputs = c.weight[0];
  for_each_index(out, [&](const Index& o) {
    for_each_index(kernel, [&](const Index& k) {
      Index i;
      for (size_t axis = 0; axis < 3; ++axis) {
        const int64_t tap = c.flip ? kernel[axis] - 1 - k[axis] : k[axis];
        const int64_t at = o[axis] * stride[axis] + tap * kd[axis] - lo[axis];
        if (at < 0 || at % id[axis] != 0 || at / id[axis] >= in[axis]) {
          return;
        }
        i[axis] = at / id[axis];
      }
      for (int64_t n = 0; n < c.input[0]; ++n) {
        const int64_t pixel = n * in[0] * in[1] * in[2] + flat(i, in);
        const int64_t place = n * out[0] * out[1] * out[2] + flat(o, out);
        for (int64_t to = 0; to < outputs; ++to) {
          const int64_t group = to / (outputs / c.groups);
          for (int64_t from = 0; from < width; ++from) {
            visit(static_cast<size_t>(pixel * channels + group * width + from),
                  static_cast<size_t>(
                      (to * kernel[0] * kernel[1] * kernel[2] + flat(k, kernel)) * width + from),
                  static_cast<size_t>(place * outputs + to));
          }
        }
      }
    });
  });
}

array convolve(const ConvCase& c, const array& input, const array& weight) {
  return conv_general(input, weight, c.stride, c.lo, c.hi, c.kernel_dilation, c.input_dilation,
                      c.groups, c.flip);
}

void expect_near(const array& got, const std::vector<double>& expected, double tolerance) {
  const std::vector<double> actual = values(got);
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << "element " << i;
  }
}

// With so many images that the kernels for large convolutions do it.
ConvCase with_many_images(ConvCase c) {
  constexpr size_t kLarge = 1 << 17;  // products
  const array weight = zeros(c.weight);
  const size_t products = convolve(c, zeros(c.input), weight).size() * weight.size();
  if (products > 0) {
    c.input[0] *= static_cast<ShapeElem>(1 + kLarge * static_cast<size_t>(c.weight[0]) / products);
  }
  return c;
}

class Convolution : public testing::TestWithParam<ConvCase> {
 protected:
  void expect_sums(const ConvCase& c) const;
  void expect_gradients(const ConvCase& c) const;
};

void Convolution::expect_sums(const ConvCase& c) const {
  for (Dtype dtype : {float16, bfloat16, float32, float64}) {
    SCOPED_TRACE(dtype_name(dtype));
    const array input = quarters(c.input, dtype, 0);
    const array weight = quarters(c.weight, dtype, 5);
    const array got = convolve(c, input, weight);
    EXPECT_EQ(got.dtype(), dtype);
    const std::vector<double> x = values(input);
    const std::vector<double> w = values(weight);
    std::vector<double> expected(got.size(), 0.0);
    for_each_product(c, got.shape(),
                     [&](size_t i, size_t k, size_t o) { expected[o] += x[i] * w[k]; });
    expect_near(got, expected, test::epsilon(dtype) + 1e-6);
  }
}

void Convolution::expect_gradients(const ConvCase& c) const {
  for (Dtype dtype : {bfloat16, float32, float64}) {
    SCOPED_TRACE(dtype_name(dtype));
    const array input = quarters(c.input, dtype, 0);
    const array weight = quarters(c.weight, dtype, 5);
    const array g = quarters(convolve(c, input, weight).shape(), dtype, 11);
    const auto fun = [&](const std::vector<array>& p) {
      return std::vector<array>{convolve(c, p[0], p[1])};
    };
    const auto cotangents = vjp(fun, {input, weight}, {g}).second;
    ASSERT_EQ(cotangents[0].shape(), c.input);
    ASSERT_EQ(cotangents[1].shape(), c.weight);
    const std::vector<double> x = values(input);
    const std::vector<double> w = values(weight);
    const std::vector<double> y = values(g);
    std::vector<double> dx(x.size(), 0.0);
    std::vector<double> dw(w.size(), 0.0);
    for_each_product(c, g.shape(), [&](size_t i, size_t k, size_t o) {
      dx[i] += w[k] * y[o];
      dw[k] += x[i] * y[o];
    });
    expect_near(cotangents[0], dx, test::epsilon(dtype) + 1e-6);
    expect_near(cotangents[1], dw, test::epsilon(dtype) + 1e-5);
  }
}

TEST_P(Convolution, IsTheSumOverWindowsInEveryDtype) {
  expect_sums(GetParam());
  expect_sums(with_many_images(GetParam()));
}

TEST_P(Convolution, HasTheTransposedSumsAsGradients) {
  expect_gradients(GetParam());
  expect_gradients(with_many_images(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(
    Parameters, Convolution,
    testing::Values(
        ConvCase{"Plain1d", {2, 9, 3}, {4, 3, 3}}, ConvCase{"Plain2d", {2, 6, 7, 3}, {4, 3, 2, 3}},
        ConvCase{"Plain3d", {2, 4, 5, 3, 2}, {3, 2, 3, 2, 2}},
        ConvCase{"OneChannel", {2, 7, 7, 1}, {3, 3, 3, 1}, {1}, {1}, {1}},
        ConvCase{"ManyBlocks", {3, 30, 31, 16}, {8, 5, 5, 16}, {1}, {2}, {2}},
        ConvCase{"Pointwise", {2, 5, 4, 3}, {6, 1, 1, 3}},
        ConvCase{"PointwiseGroups", {2, 5, 4, 4}, {6, 1, 1, 2}, {}, {}, {}, {}, {}, 2},
        ConvCase{"PointwiseStrided", {2, 5, 4, 3}, {6, 1, 1, 3}, {2, 3}},
        ConvCase{"PointwiseStridedIntoPadding", {1, 3, 2}, {2, 1, 2}, {2}, {0}, {2}},
        ConvCase{"PointwiseDilatedAndCropped", {1, 3, 2}, {2, 1, 2}, {1}, {0}, {-2}, {1}, {2}},
        ConvCase{"Stride", {1, 9, 8, 2}, {3, 3, 2, 2}, {2, 3}},
        ConvCase{"StrideThatLeavesARest", {1, 10, 2}, {3, 4, 2}, {4}},
        ConvCase{"UnevenPadding", {1, 4, 5, 2}, {3, 3, 3, 2}, {1, 2}, {2, 0}, {1, 3}},
        ConvCase{"PaddingBeyondTheKernel", {1, 3, 2}, {2, 2, 2}, {1}, {4}, {3}},
        ConvCase{"NegativePadding", {1, 9, 8, 2}, {3, 2, 3, 2}, {1}, {-1, -2}, {-2, 0}},
        ConvCase{"KernelDilation", {1, 9, 9, 2}, {3, 3, 2, 2}, {1}, {1}, {1}, {3, 2}},
        ConvCase{"InputDilation", {1, 4, 3, 2}, {3, 3, 3, 2}, {1}, {1}, {2}, {1}, {2, 3}},
        ConvCase{"Flip", {1, 5, 6, 2}, {3, 3, 2, 2}, {1}, {1}, {0}, {1}, {1}, 1, true},
        ConvCase{"FlipWithOutputPadding",
                 {1, 4, 3, 3},
                 {2, 3, 3, 3},
                 {1},
                 {2},
                 {2, 3},
                 {1},
                 {1},
                 1,
                 true},
        ConvCase{"Groups", {2, 5, 6, 6}, {4, 3, 2, 3}, {1}, {1}, {1}, {1}, {1}, 2},
        ConvCase{"Depthwise", {1, 6, 5, 4}, {8, 3, 3, 1}, {2}, {1}, {1}, {1}, {1}, 4},
        ConvCase{"Everything",
                 {2, 5, 6, 4},
                 {6, 3, 2, 2},
                 {2, 3},
                 {1, 2},
                 {3, 1},
                 {2, 1},
                 {2, 3},
                 2,
                 true},
        ConvCase{"Everything3d",
                 {1, 3, 4, 3, 2},
                 {2, 2, 3, 2, 1},
                 {1, 2, 1},
                 {1, 0, 2},
                 {0, 2, 1},
                 {1, 2, 1},
                 {2, 1, 2},
                 2,
                 true},
        ConvCase{"NoImages", {0, 5, 5, 2}, {3, 3, 3, 2}},
        ConvCase{"NoInputChannels", {2, 5, 5, 0}, {3, 3, 3, 0}},
        ConvCase{"NoOutputChannels", {2, 5, 5, 2}, {0, 3, 3, 2}},
        ConvCase{"OnlyPadding", {1, 0, 2}, {3, 2, 2}, {1}, {1}, {2}}),
    [](const auto& info) { return info.param.name; });

TEST(ConvolutionLayout, StridedInputsAndWeightsAreRead) {
  const array x = quarters({2, 4, 6, 5}, float32, 0);
  const array w = quarters({3, 3, 5, 2}, float32, 1);
  const array x_view = transpose(x, {0, 3, 2, 1});
  const array w_view = slice(swapaxes(w, 2, 3), {0, 0, 0, 1}, {3, 3, 2, 5});
  const array got = conv2d(x_view, w_view);
  const array expected = conv2d(contiguous(x_view), contiguous(w_view));
  EXPECT_EQ(values(got), values(expected));
}

TEST(ConvolutionGradient, OfWeightsThatMeetNothingButPaddingIsZero) {
  const array x = full({1, 1, 1}, 2, bfloat16);
  const array g = full({1, 1, 2}, 3, bfloat16);
  const auto by_weight = [&](const array& w) { return conv1d(x, w, 1, 1); };
  for (int i = 0; i < 20; ++i) {  // what was in the memory before may be zeros, too
    EXPECT_EQ(values(vjp(by_weight, zeros({2, 3, 1}, bfloat16), g).second),
              (std::vector<double>{0, 6, 0, 0, 6, 0}));
  }
}

// ---- the wrappers

TEST(ConvWrappers, AgreeWithConvGeneral) {
  const array x1 = quarters({2, 9, 4}, float32, 0);
  const array w1 = quarters({6, 3, 2}, float32, 1);
  EXPECT_EQ(values(conv1d(x1, w1, 2, 1, 2, 2)), values(conv_general(x1, w1, {2}, {1}, {2}, {}, 2)));
  const array x2 = quarters({2, 9, 8, 4}, float32, 0);
  const array w2 = quarters({6, 3, 2, 2}, float32, 1);
  EXPECT_EQ(values(conv2d(x2, w2, {2, 1}, {1, 0}, {2, 3}, 2)),
            values(conv_general(x2, w2, {2, 1}, {1, 0}, {2, 3}, {}, 2)));
  const array x3 = quarters({2, 5, 6, 4, 4}, float32, 0);
  const array w3 = quarters({6, 3, 2, 2, 2}, float32, 1);
  EXPECT_EQ(values(conv3d(x3, w3, {2, 1, 1}, {1, 0, 2}, {1, 3, 1}, 2)),
            values(conv_general(x3, w3, {2, 1, 1}, {1, 0, 2}, {1, 3, 1}, {}, 2)));
}

TEST(ConvTranspose, SpreadsInputsOverWindows) {
  const array x = array({1.0f, 2.0f, 3.0f}, {1, 3, 1});
  const array w = array({1.0f, 10.0f, 100.0f}, {1, 3, 1});
  EXPECT_EQ(values(conv_transpose1d(x, w)), (std::vector<double>{1, 12, 123, 230, 300}));
  EXPECT_EQ(values(conv_transpose1d(x, w, 2, 1, 1, 1)),
            (std::vector<double>{10, 102, 20, 203, 30, 300}));
}

TEST(ConvTranspose, IsTheGradientOfTheConvolution) {
  // <conv(x), g> = <x, conv_transpose(g)>, with the weight's channels swapped.
  const array w = quarters({3, 3, 2, 4}, float32, 1);
  const array g = quarters({2, 4, 5, 3}, float32, 2);
  const array got = conv_transpose2d(g, swapaxes(w, 0, 3), {2, 1}, {1, 0}, {1, 2}, {1, 0});
  const auto fun = [&](const std::vector<array>& p) {
    return std::vector<array>{conv2d(p[0], w, {2, 1}, {1, 0}, {1, 2})};
  };
  EXPECT_EQ(values(got), values(vjp(fun, {zeros(got.shape())}, {g}).second[0]));
}

TEST(ConvTranspose, HasItsShapeInEveryRank) {
  EXPECT_EQ(
      conv_transpose2d(ones({2, 8, 8, 4}), ones({6, 3, 3, 2}), {2, 2}, {1, 1}, {2, 2}, {0, 0}, 2)
          .shape(),
      (Shape{2, 17, 17, 6}));
  EXPECT_EQ(conv_transpose3d(ones({1, 2, 3, 4, 1}), ones({2, 2, 2, 2, 1}), {2, 2, 2}).shape(),
            (Shape{1, 4, 6, 8, 2}));
}

// ---- errors

TEST(ConvolutionErrors, ComeWhenTheGraphIsBuilt) {
  const array x = ones({2, 8, 8, 4});
  const array w = ones({6, 3, 3, 4});
  const auto bad = [](const auto& call) { EXPECT_THROW(call(), std::invalid_argument); };
  bad([&] { conv2d(ones({8, 8, 4}), ones({6, 3, 4})); });
  bad([&] { conv2d(x, ones({6, 3, 4})); });
  bad([&] { conv1d(x, w); });
  bad([&] { conv3d(x, w); });
  bad([&] { conv2d(x, w, {0, 1}); });
  bad([&] { conv2d(x, w, {1, 1}, {0, 0}, {0, 1}); });
  bad([&] { conv2d(x, w, {1, 1}, {0, 0}, {4, 4}); });
  bad([&] { conv2d(x, w, {1, 1}, {0, 0}, {1, 1}, 2); });
  bad([&] { conv2d(x, w, {1, 1}, {0, 0}, {1, 1}, 0); });
  bad([&] { conv2d(x, ones({5, 3, 3, 2}), {1, 1}, {0, 0}, {1, 1}, 2); });
  bad([&] { conv2d(x, ones({6, 0, 3, 4})); });
  bad([&] { conv2d(astype(x, int32), astype(w, int32)); });
  bad([&] { conv2d(astype(x, complex64), astype(w, complex64)); });
  bad([&] { conv_general(x, w, {1, 2, 3}, {0}, {0}, {1}, {1}); });
  bad([&] { conv_general(ones({2, 3}), ones({2, 3}), {1}, {0}, {0}, {1}, {1}); });
  bad([&] {
    conv_general(ones({1, 2, 2, 2, 2, 1}), ones({1, 1, 1, 1, 1, 1}), {1}, {0}, {0}, {1}, {1});
  });
  bad([&] { conv_transpose2d(x, w, {1, 1}, {0, 0}, {1, 1}, {-1, 0}); });
}

TEST(ConvolutionErrors, DtypesPromote) {
  EXPECT_EQ(conv1d(ones({1, 3, 1}, float16), ones({1, 2, 1})).dtype(), float32);
}

}  // namespace
}  // namespace mlx::core
