#include "mlx/nn/activations.h"

#include <functional>
#include <map>

#include "mlx/core/ops/reduce.h"
#include "mlx/core/transforms.h"
#include "mlx/nn/layers/activations.h"
#include "nn/arrays.h"
#include "tsv.h"

namespace mlx {
namespace {

using core::array;
using test::ElementsNear;
using test::values;
using Function = std::function<array(const array&)>;

const std::map<std::string, Function>& functions() {
  static const std::map<std::string, Function> table = {
      {"celu", [](const array& x) { return nn::celu(x); }},
      {"elu", [](const array& x) { return nn::elu(x); }},
      {"gelu", nn::gelu},
      {"gelu_approx", nn::gelu_approx},
      {"gelu_fast_approx", nn::gelu_fast_approx},
      {"hard_shrink", [](const array& x) { return nn::hard_shrink(x); }},
      {"hard_tanh", [](const array& x) { return nn::hard_tanh(x); }},
      {"hardswish", nn::hardswish},
      {"leaky_relu", [](const array& x) { return nn::leaky_relu(x); }},
      {"log_sigmoid", nn::log_sigmoid},
      {"log_softmax", [](const array& x) { return nn::log_softmax(x); }},
      {"mish", nn::mish},
      {"relu", nn::relu},
      {"relu2", nn::relu2},
      {"relu6", nn::relu6},
      {"selu", nn::selu},
      {"sigmoid", nn::sigmoid},
      {"silu", nn::silu},
      {"softmax", [](const array& x) { return nn::softmax(x); }},
      {"softmin", [](const array& x) { return nn::softmin(x); }},
      {"softplus", nn::softplus},
      {"softshrink", [](const array& x) { return nn::softshrink(x); }},
      {"softsign", nn::softsign},
      {"step", [](const array& x) { return nn::step(x); }},
      {"tanh", nn::tanh},
  };
  return table;
}

TEST(Activations, GiveTheGoldenValues) {
  const array x({-2.0f, -0.5f, 0.0f, 0.5f, 3.0f});
  size_t seen = 0;
  for (const auto& row : test::read_tsv("losses_activations.tsv")) {
    if (row[0].starts_with("nn.losses")) {
      continue;
    }
    SCOPED_TRACE(row[0]);
    ASSERT_TRUE(functions().contains(row[0]));
    EXPECT_THAT(values(functions().at(row[0])(x)), ElementsNear(test::numbers_in(row[1]), 1e-6f));
    ++seen;
  }
  EXPECT_EQ(seen, functions().size());
}

TEST(Activations, KeepHalfPrecision) {
  const array x({-1.0f, 2.0f}, core::bfloat16);
  for (const auto& [name, function] : functions()) {
    EXPECT_EQ(function(x).dtype(), name == "step" ? core::int32 : core::bfloat16) << name;
  }
}

TEST(Activations, HaveFiniteGradientsFarFromZero) {
  const array x({-1e4f, -50.0f, 0.5f, 50.0f});
  for (const auto& [name, function] : functions()) {
    if (name == "step") {
      continue;
    }
    const array g = core::grad([&](const array& x) { return core::sum(function(x)); })(x);
    EXPECT_TRUE(core::all(core::isfinite(g)).item<bool>()) << name;
  }
}

TEST(Activations, LayersApplyTheFunctions) {
  const array x({-2.0f, -0.5f, 0.25f, 3.0f});
  const std::vector<std::pair<nn::Activation, array>> table = {
      {nn::ReLU(), nn::relu(x)},
      {nn::ReLU2(), nn::relu2(x)},
      {nn::ReLU6(), nn::relu6(x)},
      {nn::LeakyReLU(0.1f), nn::leaky_relu(x, 0.1f)},
      {nn::ELU(2), nn::elu(x, 2)},
      {nn::CELU(2), nn::celu(x, 2)},
      {nn::SELU(), nn::selu(x)},
      {nn::SiLU(), nn::silu(x)},
      {nn::Mish(), nn::mish(x)},
      {nn::Hardswish(), nn::hardswish(x)},
      {nn::Sigmoid(), nn::sigmoid(x)},
      {nn::LogSigmoid(), nn::log_sigmoid(x)},
      {nn::Tanh(), nn::tanh(x)},
      {nn::HardTanh(-0.3f, 0.2f), nn::hard_tanh(x, -0.3f, 0.2f)},
      {nn::Softplus(), nn::softplus(x)},
      {nn::Softsign(), nn::softsign(x)},
      {nn::Softshrink(0.1f), nn::softshrink(x, 0.1f)},
      {nn::HardShrink(0.1f), nn::hard_shrink(x, 0.1f)},
      {nn::Step(0.5f), nn::step(x, 0.5f)},
      {nn::Softmax(), nn::softmax(x)},
      {nn::LogSoftmax(), nn::log_softmax(x)},
      {nn::Softmin(), nn::softmin(x)},
      {nn::GLU(), nn::glu(x)},
      {nn::GELU(), nn::gelu(x)},
      {nn::GELU("precise"), nn::gelu_approx(x)},
      {nn::GELU("fast"), nn::gelu_fast_approx(x)},
  };
  for (size_t i = 0; i < table.size(); ++i) {
    EXPECT_EQ(values(table[i].first(x)), values(table[i].second)) << "row " << i;
  }
  EXPECT_THROW(nn::GELU("best"), std::invalid_argument);
}

TEST(Activations, PReLUScalesNegativeValuesByItsWeight) {
  const nn::PReLU layer;
  EXPECT_THAT(values(layer(array({-1.0f, 2.0f}))), ElementsNear(std::vector{-0.25f, 2.0f}, 0.0f));
}

TEST(Activations, GluGatesTheFirstHalf) {
  EXPECT_THAT(values(nn::glu(array({1.0f, 2.0f, 3.0f, 4.0f}))),
              ElementsNear(std::vector{0.952574f, 1.96403f}, 1e-5f));
  EXPECT_THROW(nn::glu(array({1.0f, 2.0f, 3.0f})), std::invalid_argument);
}

}  // namespace
}  // namespace mlx
