#include "mlx/nn/parallel/average_gradients.h"

#include "mlx/core/transforms.h"
#include "nn/arrays.h"

namespace mlx {
namespace {

using core::array;
using core::Tree;

// What happens over several ranks is a test of processes: tests/system/training_test.cpp.
TEST(AverageGradients, OfOneRankAreTheGradients) {
  const array w({1.0f, 2.0f});
  const Tree means = nn::average_gradients(Tree{{"w", w}});
  EXPECT_EQ(means.at("w").leaf().id(), w.id());
}

}  // namespace
}  // namespace mlx
