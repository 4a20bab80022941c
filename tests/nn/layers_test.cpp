#include <algorithm>
#include <functional>
#include <sstream>

#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/random.h"
#include "mlx/core/transforms.h"
#include "mlx/nn/nn.h"
#include "nn/arrays.h"
#include "tsv.h"

namespace mlx {
namespace {

using core::array;
using core::ones;
using core::Shape;
using test::ElementsNear;
using test::values;

// As the golden table writes it: [4, 8]:float32.
std::string text_of(const array& x, const char* separator) {
  std::ostringstream out;
  out << "[";
  for (size_t i = 0; i < x.ndim(); ++i) {
    out << (i ? ", " : "") << x.shape(static_cast<int>(i));
  }
  out << "]" << separator << (x.dtype() == core::int32 ? "int32" : "float32");
  EXPECT_TRUE(x.dtype() == core::int32 || x.dtype() == core::float32);
  return out.str();
}

std::vector<std::string> split_sorted(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ';');) {
    parts.push_back(part);
  }
  std::sort(parts.begin(), parts.end());
  return parts;
}

struct Case {
  std::string constructor;
  nn::Module layer;
  array output;
};

/// Makes a case of a layer and its call on one input.
template <typename Layer>
Case on(const char* constructor, Layer layer, const array& x) {
  return {constructor, layer, layer(x)};
}

std::vector<Case> golden_cases() {
  const array rows = ones({2, 8}), image = ones({1, 4, 4, 3});
  return {
      on("nn.Linear(8,4)", nn::Linear(8, 4), rows),
      on("nn.Linear(8,4,bias=False)", nn::Linear(8, 4, false), rows),
      {"nn.Bilinear(8,8,3)", nn::Bilinear(8, 8, 3), nn::Bilinear(8, 8, 3)(rows, rows)},
      on("nn.Identity()", nn::Identity(), rows),
      on("nn.Embedding(10,4)", nn::Embedding(10, 4), array({1, 2}, core::int32)),
      on("nn.Conv1d(3,8,5)", nn::Conv1d(3, 8, 5), ones({1, 10, 3})),
      on("nn.Conv1d(4,8,3,stride=2,padding=1,dilation=1,groups=2)", nn::Conv1d(4, 8, 3, 2, 1, 1, 2),
         ones({1, 10, 4})),
      on("nn.Conv2d(3,8,5)", nn::Conv2d(3, 8, 5), ones({1, 9, 9, 3})),
      on("nn.LayerNorm(8)", nn::LayerNorm(8), rows),
      on("nn.LayerNorm(8,affine=False)", nn::LayerNorm(8, 1e-5f, false), rows),
      on("nn.RMSNorm(8)", nn::RMSNorm(8), rows),
      on("nn.BatchNorm(8)", nn::BatchNorm(8), rows),
      on("nn.PReLU()", nn::PReLU(), rows),
      on("nn.GLU()", nn::GLU(), rows),
      on("nn.GELU(approx=\"precise\")", nn::GELU("precise"), rows),
      on("nn.Step()", nn::Step(), rows),
      on("nn.Sequential(nn.Linear(8,4),nn.ReLU())", nn::Sequential(nn::Linear(8, 4), nn::ReLU()),
         rows),
      on("nn.Dropout(0.5)", nn::Dropout(0.5), rows),
      on("nn.Dropout2d(0.5)", nn::Dropout2d(0.5), image),
      on("nn.MaxPool2d(2)", nn::MaxPool2d(2), image),
  };
}

TEST(Layers, HaveTheGoldenParametersAndOutputs) {
  const auto rows = test::read_tsv("nn_params.tsv");
  for (const Case& c : golden_cases()) {
    SCOPED_TRACE(c.constructor);
    auto row = std::find_if(rows.begin(), rows.end(),
                            [&](const auto& row) { return row[0] == c.constructor; });
    ASSERT_NE(row, rows.end());

    std::string all, trainable;
    for (const auto& [path, value] : c.layer.named_parameters()) {
      all += (all.empty() ? "" : ";") + path + text_of(value, ":");
    }
    for (const auto& [path, value] : c.layer.named_trainable_parameters()) {
      trainable += (trainable.empty() ? "" : ";") + path;
    }
    EXPECT_EQ(split_sorted(all), split_sorted((*row)[1]));
    if ((*row)[2] == "all") {
      EXPECT_EQ(c.layer.named_trainable_parameters().size(), c.layer.named_parameters().size());
    } else {
      EXPECT_EQ(split_sorted(trainable), split_sorted((*row)[2]));
    }
    EXPECT_EQ(text_of(c.output, ""), (*row)[4]);
  }
}

// Numbers from the mlx package with the same seed.
TEST(Layers, StartWithTheNumbersOfTheSeed) {
  core::random::seed(0);
  const nn::Linear linear(2, 2);
  EXPECT_THAT(values(linear["weight"]),
              ElementsNear(std::vector{0.526673f, -0.0805805f, -0.315256f, 0.405307f}, 1e-6f));
  EXPECT_THAT(values(linear["bias"]), ElementsNear(std::vector{0.0049125f, -0.0275695f}, 1e-6f));
  core::random::seed(0);
  const nn::Conv2d conv(1, 1, 2);
  EXPECT_THAT(values(conv["weight"]),
              ElementsNear(std::vector{0.372414f, -0.056979f, -0.222919f, 0.286595f}, 1e-6f));
  EXPECT_THAT(values(conv["bias"]), ElementsNear(std::vector{0.0f}, 0.0f));
  core::random::seed(0);
  EXPECT_THAT(values(nn::Embedding(2, 2)["weight"]),
              ElementsNear(std::vector{0.804601f, -0.101338f, -0.418279f, 0.561911f}, 1e-6f));
}

TEST(Initializers, DrawTheNumbersOfTheSeed) {
  const std::vector<std::pair<nn::init::Initializer, std::vector<float>>> table = {
      {nn::init::constant(3), {3, 3, 3}},
      {nn::init::normal(1, 2), {-1.9163878f, -3.0940876f, -1.8485708f}},
      {nn::init::uniform(-1, 2), {-0.7828194f, -0.9390194f, -0.7684543f}},
      {nn::init::glorot_normal(), {-0.9222428f, -1.2946643f, -0.9007972f}},
      {nn::init::glorot_uniform(), {-0.9368389f, -1.0509112f, -0.926348f}},
      {nn::init::he_normal(), {-0.8418887f, -1.1818613f, -0.8223116f}},
      {nn::init::he_uniform(), {-0.8552129f, -0.9593463f, -0.8456362f}},
  };
  for (size_t i = 0; i < table.size(); ++i) {
    core::random::seed(0);
    std::vector<float> drawn = values(table[i].first(core::zeros({2, 3})));
    drawn.resize(3);
    EXPECT_THAT(drawn, ElementsNear(table[i].second, 2e-6f)) << "row " << i;
  }
  core::random::seed(0);
  const auto fan_out = nn::init::he_normal(core::float32, nn::init::Fan::out, 2);
  EXPECT_NEAR(values(fan_out(core::zeros({4, 3, 2})))[0], -1.1568847f, 1e-5f);
  EXPECT_THAT(values(nn::init::identity()(core::zeros({2, 2}))),
              ElementsNear(std::vector{1.0f, 0.0f, 0.0f, 1.0f}, 0.0f));
  EXPECT_THROW(nn::init::he_normal()(core::zeros({3})), std::invalid_argument);
  EXPECT_THROW(nn::init::identity()(core::zeros({2, 3})), std::invalid_argument);
}

TEST(Linear, MultipliesByTheTransposedWeight) {
  nn::Linear layer(2, 1);
  layer.add("weight", array({2.0f, 3.0f}, {1, 2}));
  layer.add("bias", array({1.0f}));
  EXPECT_THAT(values(layer(array({1.0f, 10.0f}))), ElementsNear(std::vector{33.0f}, 1e-6f));
  EXPECT_THROW(layer(ones({3})), std::invalid_argument);
  EXPECT_THROW(nn::Linear(0, 1), std::invalid_argument);
}

TEST(Bilinear, FollowsItsFormula) {
  nn::Bilinear layer(2, 3, 2);
  layer.add("weight", core::reshape(core::arange(12.0, core::float32), {2, 3, 2}));
  layer.add("bias", array({0.0f, 1.0f}));
  EXPECT_THAT(values(layer(array({1.0f, 2.0f}, {1, 2}), array({3.0f, 4.0f, 5.0f}, {1, 3}))),
              ElementsNear(std::vector{108.0f, 325.0f}, 1e-6f));
}

TEST(Embedding, TakesRowsAndServesAsOutputLayer) {
  nn::Embedding layer(3, 2);
  layer.add("weight", array({1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f}, {3, 2}));
  EXPECT_THAT(values(layer(array({2, 0}, core::int32))),
              ElementsNear(std::vector{5.0f, 6.0f, 1.0f, 2.0f}, 0.0f));
  EXPECT_THAT(values(layer.as_linear(array({1.0f, 1.0f}))),
              ElementsNear(std::vector{3.0f, 7.0f, 11.0f}, 1e-6f));
}

TEST(Norms, FollowTheirFormulas) {
  const array x({1.0f, 2.0f, -1.0f, 0.5f, 3.0f, 2.0f}, {2, 3});
  EXPECT_THAT(values(nn::LayerNorm(3)(x)),
              ElementsNear(std::vector{0.26726034f, 1.0690414f, -1.3363018f, -1.2977653f,
                                       1.1355445f, 0.16222061f},
                           1e-5f));
  EXPECT_THAT(
      values(nn::RMSNorm(3)(x)),
      ElementsNear(std::vector{0.707105f, 1.41421f, -0.707105f, 0.2379152f, 1.4274912f, 0.9516608f},
                   1e-5f));
  EXPECT_EQ(nn::LayerNorm(3)(core::astype(x, core::bfloat16)).dtype(), core::float32);
  EXPECT_EQ(nn::LayerNorm(3, 1e-5f, false)(core::astype(x, core::float16)).dtype(), core::float16);
  EXPECT_THROW(nn::LayerNorm(4)(x), std::invalid_argument);
}

TEST(BatchNorm, NormalizesTheBatchAndThenByRunningStatistics) {
  const array x({1.0f, 2.0f, -1.0f, 0.5f, 3.0f, 2.0f}, {2, 3});
  nn::BatchNorm layer(3);
  EXPECT_THAT(values(layer(x)), ElementsNear(std::vector{0.99992f, -0.99998f, -0.9999978f,
                                                         -0.99992f, 0.99998f, 0.9999978f},
                                             1e-5f));
  EXPECT_THAT(values(layer["running_mean"]),
              ElementsNear(std::vector{0.075f, 0.25f, 0.05f}, 1e-6f));
  EXPECT_THAT(values(layer["running_var"]),
              ElementsNear(std::vector{0.9125f, 0.95f, 1.35f}, 1e-6f));
  layer.eval();
  EXPECT_THAT(values(layer(x)), ElementsNear(std::vector{0.968329f, 1.7954527f, -0.9036927f,
                                                         0.4449079f, 2.821425f, 1.6782866f},
                                             1e-5f));
  layer.unfreeze();
  EXPECT_EQ(layer.named_trainable_parameters().size(), 2u);
}

TEST(BatchNorm, KeepsItsStatisticsThroughValueAndGrad) {
  nn::BatchNorm layer(2);
  auto step = nn::value_and_grad(
      layer, [](nn::BatchNorm& m, const array& x) { return core::sum(core::square(m(x))); });
  step(array({1.0f, 2.0f, 3.0f, 4.0f}, {2, 2}));
  EXPECT_THAT(values(layer["running_mean"]), ElementsNear(std::vector{0.2f, 0.3f}, 1e-6f));
}

TEST(Dropout, ZeroesAndScalesWhileTrainingOnly) {
  nn::Dropout layer(0.25f);
  const std::vector<float> dropped = values(layer(ones({4000})));
  const auto zeros = std::count(dropped.begin(), dropped.end(), 0.0f);
  EXPECT_NEAR(static_cast<double>(zeros), 1000, 120);
  EXPECT_FLOAT_EQ(*std::max_element(dropped.begin(), dropped.end()), 4.0f / 3);
  layer.eval();
  EXPECT_EQ(values(layer(ones({5}))), std::vector<float>(5, 1.0f));
  EXPECT_THROW(nn::Dropout(1), std::invalid_argument);
}

TEST(Dropout2d, DropsWholeChannels) {
  core::random::seed(0);
  EXPECT_THAT(values(nn::Dropout2d(0.5f)(ones({1, 1, 2, 4}))),
              ElementsNear(std::vector{0.0f, 2.0f, 2.0f, 0.0f, 0.0f, 2.0f, 2.0f, 0.0f}, 0.0f));
  EXPECT_THROW(nn::Dropout2d()(ones({2, 2})), std::invalid_argument);
}

struct PoolCase {
  const char* name;
  std::function<array(const array&)> pool;
  Shape shape;
  std::vector<float> expected;  // from the mlx package, of 0 .. 19 as [1, 5, 4, 1]
};

std::vector<PoolCase> pool_cases() {
  return {
      {"max 2", nn::MaxPool2d(2), {1, 2, 2, 1}, {5, 7, 13, 15}},
      {"mean 2", nn::AvgPool2d(2), {1, 2, 2, 1}, {2.5f, 4.5f, 10.5f, 12.5f}},
      {"max 3, stride 1, padded", nn::MaxPool2d(3, 1, 1), {1, 5, 4, 1}, {5,  6,  7,  7,  9,  10, 11,
                                                                         11, 13, 14, 15, 15, 17, 18,
                                                                         19, 19, 17, 18, 19, 19}},
      {"mean 3, stride 2, padded",
       nn::AvgPool2d(3, 2, 1),
       {1, 3, 2, 1},
       {1.1111112f, 2.6666667f, 5.6666665f, 10, 6.4444447f, 10.666667f}},
      {"max 2 x 3, stride 1 x 2",
       nn::MaxPool2d({2, 3}, nn::Extent2d{1, 2}),
       {1, 4, 1, 1},
       {6, 10, 14, 18}},
  };
}

TEST(Pooling, ReducesEveryWindow) {
  const array x = core::reshape(core::arange(20.0, core::float32), {1, 5, 4, 1});
  for (const PoolCase& row : pool_cases()) {
    const array y = row.pool(x);
    EXPECT_EQ(y.shape(), row.shape) << row.name;
    EXPECT_THAT(values(y), ElementsNear(row.expected, 1e-6f)) << row.name;
  }
}

TEST(Pooling, HasTheGradientOfFiniteDifferences) {
  core::random::seed(1);
  const array x = core::random::normal({2, 5, 4, 3}), direction = core::random::normal(x.shape());
  for (const PoolCase& row : pool_cases()) {
    auto f = [&](const array& x) { return core::sum(core::square(row.pool(x))); };
    const float slope = core::sum(core::grad(f)(x) * direction).item<float>();
    const float h = 1e-3f;
    const float difference = (f(x + h * direction) - f(x - h * direction)).item<float>() / (2 * h);
    EXPECT_NEAR(slope, difference, 2e-2f * (1 + std::abs(difference))) << row.name;
  }
}

TEST(Pooling, RefusesBadWindows) {
  EXPECT_THROW(nn::MaxPool2d(0), std::invalid_argument);
  EXPECT_THROW(nn::AvgPool2d(2, 0), std::invalid_argument);
  EXPECT_THROW(nn::MaxPool2d(2, 1, 2), std::invalid_argument);
  EXPECT_THROW(nn::MaxPool2d(3)(ones({1, 2, 4, 1})), std::invalid_argument);
  EXPECT_THROW(nn::MaxPool2d(2)(ones({4, 4})), std::invalid_argument);
}

TEST(Conv2d, HasOneKernelForEachOutputChannel) {
  nn::Conv2d layer(1, 2, 3, 1, 1);
  layer.add("weight", ones({2, 3, 3, 1}));
  layer.add("bias", array({0.0f, 10.0f}));
  EXPECT_THAT(values(layer(ones({1, 2, 2, 1}))),
              ElementsNear(std::vector{4.0f, 14.0f, 4.0f, 14.0f, 4.0f, 14.0f, 4.0f, 14.0f}, 1e-6f));
  EXPECT_THROW(nn::Conv2d(3, 4, 3, 1, 0, 1, 2), std::invalid_argument);
}

}  // namespace
}  // namespace mlx
