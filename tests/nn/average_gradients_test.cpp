#include "mlx/nn/parallel/average_gradients.h"

#include <chrono>
#include <thread>

#include "distributed/ranks.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/primitives.h"
#include "mlx/core/transforms.h"
#include "nn/arrays.h"

namespace mlx {
namespace {

using core::array;
using core::Tree;
using core::distributed::Group;
using core::distributed::testing::make_groups;
using core::distributed::testing::on_threads;
using test::values;

TEST(AverageGradients, OfOneRankAreTheGradients) {
  const array w({1.0f, 2.0f});
  const Tree means = nn::average_gradients(Tree{{"w", w}});
  EXPECT_EQ(means.at("w").leaf().id(), w.id());
}

// Leaves of several shapes and dtypes, made in another order than they are named.
Tree gradients_of(int rank) {
  const float x = static_cast<float>(rank + 1);
  const array last = core::full({3}, 4 * x, core::bfloat16);
  const array middle = core::full({2, 5}, 2 * x);
  const array scalar = array(x) * 1.0f;
  const array first = core::full({4, 1, 2}, 8 * x);
  return Tree{{"layers", Tree::list({Tree{{"w", first}, {"b", last}}, Tree{{"w", middle}}})},
              {"scale", scalar}};
}

class AverageGradientsOverRanks : public testing::TestWithParam<int64_t> {};

TEST_P(AverageGradientsOverRanks, AreMeansWhateverTheBuckets) {
  constexpr int kRanks = 3;  // x is 1, 2, 3: its mean is 2
  auto groups = make_groups("memory", kRanks);
  on_threads(kRanks, [&](int rank) {
    const Group group(std::move(groups.ranks[static_cast<size_t>(rank)]));
    const Tree gradients = gradients_of(rank);
    const Tree means = nn::average_gradients(gradients, group, GetParam());
    EXPECT_TRUE(means.same_structure(gradients));
    const Tree& layers = means.at("layers");
    EXPECT_EQ(values(layers.at(0).at("w").leaf()), std::vector<float>(8, 16.0f));
    EXPECT_EQ(values(layers.at(0).at("b").leaf()), std::vector<float>(3, 8.0f));
    EXPECT_EQ(values(layers.at(1).at("w").leaf()), std::vector<float>(10, 4.0f));
    EXPECT_EQ(values(means.at("scale").leaf()), std::vector<float>(1, 2.0f));
    EXPECT_EQ(layers.at(0).at("b").leaf().dtype(), core::bfloat16);
    EXPECT_EQ(layers.at(0).at("w").leaf().shape(), (core::Shape{4, 1, 2}));
  });
}

INSTANTIATE_TEST_SUITE_P(Bytes, AverageGradientsOverRanks, testing::Values(0, 1, 40, 32 << 20));

/// The identity. Its kernel waits until the group has finished a collective.
class Gate final : public core::Primitive {
 public:
  Gate(core::Stream stream, Group group) : Primitive(stream), group_(std::move(group)) {}
  void eval_cpu(const std::vector<array>& inputs, std::vector<array>& outputs) override {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (group_.raw_group()->recorder().json().find("\"done\"") == std::string::npos) {
      if (std::chrono::steady_clock::now() > give_up) {
        throw std::runtime_error("[Gate] no collective ran beside the backward pass");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    outputs[0].copy_shared_buffer(inputs[0]);
  }
  const char* name() const override { return "Gate"; }

 private:
  Group group_;
};

TEST(AverageGradients, RunBesideTheRestOfTheBackwardPass) {
  auto groups = make_groups("memory", 2);
  on_threads(2, [&](int rank) {
    const Group group(std::move(groups.ranks[static_cast<size_t>(rank)]));
    // The first layer's gradient comes last. It passes only when the sum of the
    // second layer's gradient has been done: that must not wait for it.
    const array x = core::ones({4, 4});
    const auto gate = core::custom_vjp(
        [](const std::vector<array>& in) { return in; },
        [&](const std::vector<array>&, const std::vector<array>& g, const std::vector<array>&) {
          const core::Stream s = core::default_stream(core::Device::cpu);
          return std::vector<array>{
              array(g[0].shape(), g[0].dtype(), std::make_shared<Gate>(s, group), {g[0]})};
        });
    const auto loss = [&](const std::vector<array>& w) {
      const array hidden = gate({core::matmul(x, w[0])})[0];
      return core::sum(core::matmul(hidden, w[1]));
    };
    const std::function<array(const std::vector<array>&)> f = loss;
    const auto g = core::grad(f, std::vector<int>{0, 1})({x, x});
    const Tree means = nn::average_gradients(Tree{{"w0", g[0]}, {"w1", g[1]}}, group, 1);
    core::eval(means.at("w0").leaf(), means.at("w1").leaf());
    EXPECT_EQ(values(means.at("w0").leaf()), std::vector<float>(16, 16.0f));
  });
}

}  // namespace
}  // namespace mlx
