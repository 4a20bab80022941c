#include "mlx/nn/module.h"

#include <cstdio>
#include <filesystem>

#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/random.h"
#include "mlx/nn/activations.h"
#include "mlx/nn/layers/embedding.h"
#include "mlx/nn/layers/linear.h"
#include "mlx/nn/layers/sequential.h"
#include "mlx/nn/value_and_grad.h"
#include "nn/arrays.h"

namespace mlx {
namespace {

using core::array;
using test::ElementsNear;
using test::values;
using testing::ElementsAre;

struct MLP : nn::Module {
  nn::Linear fc1, fc2;
  MLP(int in, int hidden, int out) : fc1(in, hidden), fc2(hidden, out) {
    add("fc1", fc1);
    add("fc2", fc2);
  }
  array operator()(const array& x) const { return fc2(nn::relu(fc1(x))); }
};

std::vector<std::string> names(const nn::NamedArrays& arrays) {
  std::vector<std::string> out;
  for (const auto& [name, value] : arrays) {
    out.push_back(name);
  }
  return out;
}

TEST(Module, NamesParametersByTheirPath) {
  const MLP model(3, 4, 2);
  EXPECT_THAT(names(model.named_parameters()),
              ElementsAre("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"));
  EXPECT_EQ(model.parameters().at("fc2").at("weight").leaf().shape(), (core::Shape{2, 4}));
}

TEST(Module, SequentialNamesItsLayersByNumber) {
  const nn::Sequential model(nn::Linear(2, 3), nn::relu, nn::Linear(3, 1));
  EXPECT_THAT(names(model.named_parameters()),
              ElementsAre("layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias"));
  EXPECT_EQ(model.parameters().at("layers").kind(), core::Tree::Kind::list);
  EXPECT_EQ(model(core::ones({5, 2})).shape(), (core::Shape{5, 1}));
}

TEST(Module, CopiesShareTheTree) {
  MLP model(1, 1, 1);
  const MLP copy = model;
  model.fc1.add("bias", array({7.0f}));
  EXPECT_EQ(values(copy.fc1["bias"]), std::vector{7.0f});
  EXPECT_EQ(values(copy.parameters().at("fc1").at("bias").leaf()), std::vector{7.0f});
}

TEST(Module, FreezesByKeyAndByModule) {
  MLP model(1, 2, 1);
  model.freeze();
  EXPECT_TRUE(model.named_trainable_parameters().empty());
  model.unfreeze(true, {"bias"});
  EXPECT_THAT(names(model.named_trainable_parameters()), ElementsAre("fc1.bias", "fc2.bias"));
  model.fc2.unfreeze();
  EXPECT_THAT(names(model.named_trainable_parameters()),
              ElementsAre("fc1.bias", "fc2.weight", "fc2.bias"));
  model.freeze(false);
  EXPECT_EQ(model.named_trainable_parameters().size(), 3u);
  EXPECT_THROW(model.freeze(true, {"scale"}, true), std::invalid_argument);
}

TEST(Module, TrainAndEvalReachEveryModule) {
  MLP model(1, 1, 1);
  EXPECT_TRUE(model.fc2.training());
  model.eval();
  EXPECT_FALSE(model.fc2.training());
  model.train();
  EXPECT_TRUE(model.fc2.training());
}

TEST(Module, UpdateReplacesWhatIsNamed) {
  MLP model(1, 1, 1);
  const array before = model.fc1["weight"];
  model.update(core::Tree{{"fc1", core::Tree{{"bias", array({5.0f})}}}});
  EXPECT_EQ(values(model.fc1["bias"]), std::vector{5.0f});
  EXPECT_EQ(model.fc1["weight"].id(), before.id());
  EXPECT_THROW(model.update(core::Tree{{"fc3", array(1.0f)}}), std::invalid_argument);
  EXPECT_NO_THROW(model.update(core::Tree{{"fc3", array(1.0f)}}, false));
}

TEST(Module, ApplyMapsEveryArray) {
  MLP model(2, 2, 2);
  model.apply([](const array& x) { return core::astype(x, core::float16); });
  for (const auto& [name, value] : model.named_parameters()) {
    EXPECT_EQ(value.dtype(), core::float16) << name;
  }
}

TEST(Module, RefusesNamesThatClash) {
  MLP model(1, 1, 1);
  EXPECT_THROW(model.add("fc1", array(1.0f)), std::invalid_argument);
  EXPECT_THROW(model.add("", array(1.0f)), std::invalid_argument);
  EXPECT_THROW(model.add("self", static_cast<nn::Module&>(model)), std::invalid_argument);
  EXPECT_THROW(model.fc1.add("weight", nn::Linear(1, 1)), std::invalid_argument);
  EXPECT_THROW(model["missing"], std::out_of_range);
}

class WeightFile : public testing::Test {
 protected:
  ~WeightFile() override { std::filesystem::remove(path_); }
  const std::string path_ =
      (std::filesystem::temp_directory_path() /
       ("module_test." + std::to_string(testing::UnitTest::GetInstance()->random_seed()) + "." +
        testing::UnitTest::GetInstance()->current_test_info()->name() + ".safetensors"))
          .string();
};

TEST_F(WeightFile, GivesBackWhatWasSaved) {
  const MLP saved(3, 4, 2);
  saved.save_weights(path_);
  MLP loaded(3, 4, 2);
  loaded.load_weights(path_);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(values(loaded.named_parameters()[i].second),
              values(saved.named_parameters()[i].second));
  }
}

TEST_F(WeightFile, IsRefusedWhenNamesOrShapesDiffer) {
  MLP(3, 4, 2).save_weights(path_);
  MLP other(3, 5, 2);
  EXPECT_THROW(other.load_weights(path_), std::invalid_argument);
  nn::Linear linear(3, 4);
  EXPECT_THROW(linear.load_weights(path_), std::invalid_argument);
  EXPECT_NO_THROW(linear.load_weights(path_, false));
  EXPECT_THROW(linear.load_weights({{"weight", core::zeros({4, 3})}}), std::invalid_argument);
}

TEST(ValueAndGrad, DifferentiatesByTrainableParameters) {
  nn::Linear model(2, 1);
  model.add("weight", array({1.0f, 2.0f}, {1, 2}));
  model.add("bias", array({0.5f}));
  model.freeze(true, {"bias"});
  auto fn = nn::value_and_grad(model, [](nn::Linear& m, const array& x, const array& y) {
    return core::sum(core::square(m(x) - y));
  });
  // 2 (w x + b - y) x with w x + b - y = 1 + 6 + 0.5 - 4.5 = 3
  auto [loss, gradients] = fn(array({1.0f, 3.0f}, {1, 2}), array({4.5f}, {1, 1}));
  EXPECT_FLOAT_EQ(loss.item<float>(), 9.0f);
  EXPECT_THAT(gradients.keys(), ElementsAre("weight"));
  EXPECT_THAT(values(gradients.at("weight").leaf()), ElementsNear(std::vector{6.0f, 18.0f}, 1e-6f));
}

TEST(ValueAndGrad, PutsTheParametersBack) {
  nn::Linear model(2, 1);
  const array before = model["weight"];
  auto good = nn::value_and_grad(model, [](nn::Linear& m) { return core::sum(m["weight"]); });
  good();
  EXPECT_EQ(model["weight"].id(), before.id());
  auto bad =
      nn::value_and_grad(model, [](nn::Linear&) -> array { throw std::runtime_error("stop"); });
  EXPECT_THROW(bad(), std::runtime_error);
  EXPECT_EQ(model["weight"].id(), before.id());
}

TEST(ValueAndGrad, ReturnsAllValuesOfAFunctionWithSeveral) {
  nn::Linear model(1, 1);
  auto fn = nn::value_and_grad(model, [](nn::Linear& m) {
    return std::vector<array>{core::sum(m["weight"] * 3.0f), array(7)};
  });
  auto [outputs, gradients] = fn();
  EXPECT_EQ(outputs.at(1).item<int>(), 7);
  EXPECT_THAT(values(gradients.at("weight").leaf()), ElementsNear(std::vector{3.0f}, 0.0f));
}

TEST(ValueAndGrad, SumsTheGradientsOfASharedLayer) {
  struct Tied : nn::Module {
    nn::Linear layer{1, 1, false};
    Tied() {
      add("first", layer);
      add("second", layer);
    }
  } model;
  model.layer.add("weight", array({3.0f}, {1, 1}));
  auto fn = nn::value_and_grad(
      model, [](Tied& m, const array& x) { return core::sum(m.layer(m.layer(x))); });
  auto [loss, gradients] = fn(array({2.0f}, {1, 1}));
  EXPECT_FLOAT_EQ(loss.item<float>(), 18.0f);
  EXPECT_THAT(gradients.keys(), ElementsAre("first"));
  EXPECT_THAT(values(gradients.at("first").at("weight").leaf()),
              ElementsNear(std::vector{12.0f}, 1e-6f));
}

TEST(ValueAndGrad, RefusesAModelWithNothingToTrain) {
  auto fn = nn::value_and_grad(nn::Identity(), [](nn::Identity&) { return array(1.0f); });
  EXPECT_THROW(fn(), std::invalid_argument);
}

}  // namespace
}  // namespace mlx
