#include "mlx/nn/parallel/average_gradients.h"

#include "distributed/ranks.h"
#include "mlx/core/ops/creation.h"
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

}  // namespace
}  // namespace mlx
