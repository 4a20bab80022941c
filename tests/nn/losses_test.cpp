#include "mlx/nn/losses.h"

#include <functional>
#include <map>

#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/transforms.h"
#include "nn/arrays.h"
#include "tsv.h"

namespace mlx {
namespace {

namespace losses = nn::losses;
using core::array;
using test::ElementsNear;
using test::values;

// The inputs that the golden table names.
const array& a() {
  static const array x({0.2f, -0.5f, 1.0f, 1.5f, 0.3f, -0.7f}, {2, 3});
  return x;
}
const array& b() {
  static const array x({0.0f, -1.0f, 0.5f, 1.0f, 0.0f, -1.0f}, {2, 3});
  return x;
}
array targets() { return array({2, 0}, core::int32); }
array binary_targets() { return array({0.0f, 1.0f, 1.0f, 1.0f, 0.0f, 0.0f}, {2, 3}); }
array half() { return core::ones_like(a()) * 0.5f; }
array log_softmax(const array& x) { return core::log(core::softmax(x, -1)); }

const std::map<std::string, std::function<array()>>& golden_calls() {
  static const std::map<std::string, std::function<array()>> table = {
      {"cross_entropy(a,ti)", [] { return losses::cross_entropy(a(), targets()); }},
      {"cross_entropy(a,ti,label_smoothing=0.1)",
       [] { return losses::cross_entropy(a(), targets(), {.label_smoothing = 0.1f}); }},
      {"cross_entropy(a,mx.softmax(b,axis=-1))",
       [] { return losses::cross_entropy(a(), core::softmax(b(), -1)); }},
      {"binary_cross_entropy(a,mx.array([[0.,1,1],[1,0,0]]))",
       [] { return losses::binary_cross_entropy(a(), binary_targets()); }},
      {"binary_cross_entropy(mx.sigmoid(a),mx.array([[0.,1,1],[1,0,0]]),with_logits=False)",
       [] {
         return losses::binary_cross_entropy(core::sigmoid(a()), binary_targets(),
                                             {.with_logits = false});
       }},
      {"l1_loss(a,b)", [] { return losses::l1_loss(a(), b()); }},
      {"mse_loss(a,b)", [] { return losses::mse_loss(a(), b()); }},
      {"nll_loss(a,ti)", [] { return losses::nll_loss(a(), targets()); }},
      {"gaussian_nll_loss(a,b,mx.ones_like(a)*0.5)",
       [] { return losses::gaussian_nll_loss(a(), b(), half()); }},
      {"gaussian_nll_loss(a,b,mx.ones_like(a)*0.5,full=True)",
       [] { return losses::gaussian_nll_loss(a(), b(), half(), {.full = true}); }},
      {"kl_div_loss(mx.log(mx.softmax(a,-1)),mx.log(mx.softmax(b,-1)))",
       [] { return losses::kl_div_loss(log_softmax(a()), log_softmax(b())); }},
      {"smooth_l1_loss(a,b)", [] { return losses::smooth_l1_loss(a(), b()); }},
      {"triplet_loss(a,b,-b)", [] { return losses::triplet_loss(a(), b(), -b()); }},
      {"hinge_loss(a,mx.sign(b))", [] { return losses::hinge_loss(a(), core::sign(b())); }},
      {"huber_loss(a,b)", [] { return losses::huber_loss(a(), b()); }},
      {"log_cosh_loss(a,b)", [] { return losses::log_cosh_loss(a(), b()); }},
      {"cosine_similarity_loss(a,b)", [] { return losses::cosine_similarity_loss(a(), b()); }},
      {"margin_ranking_loss(a,b,mx.sign(b))",
       [] { return losses::margin_ranking_loss(a(), b(), core::sign(b())); }},
  };
  return table;
}

TEST(Losses, GiveTheGoldenValues) {
  const std::string prefix = "nn.losses.";
  size_t seen = 0;
  for (const auto& row : test::read_tsv("losses_activations.tsv")) {
    if (!row[0].starts_with(prefix)) {
      continue;
    }
    SCOPED_TRACE(row[0]);
    const std::string call = row[0].substr(prefix.size());
    ASSERT_TRUE(golden_calls().contains(call));
    const array loss = golden_calls().at(call)();
    std::vector<float> shape(loss.shape().begin(), loss.shape().end());
    EXPECT_EQ(shape, test::numbers_in(row[1]));
    EXPECT_THAT(values(loss), ElementsNear(test::numbers_in(row[2]), 2e-6f));
    ++seen;
  }
  EXPECT_EQ(seen, golden_calls().size());
}

struct ValueCase {
  const char* name;
  std::function<array()> call;
  std::vector<float> expected;  // from the mlx package
};

TEST(Losses, FollowTheirOptions) {
  const array weights({0.5f, 2.0f});
  const array probabilities = core::softmax(a());
  const std::vector<ValueCase> table = {
      {"mean of weighted values",
       [&] {
         return losses::cross_entropy(a(), targets(), {.weights = weights, .reduction = "mean"});
       },
       {0.473579f}},
      {"weights",
       [&] { return losses::cross_entropy(a(), targets(), {.weights = weights}); },
       {0.257148f, 0.69001f}},
      {"another axis",
       [&] { return losses::cross_entropy(core::transpose(a()), targets(), {.axis = 0}); },
       {0.514295f, 0.345005f}},
      {"probabilities",
       [&] { return losses::cross_entropy(a(), probabilities); },
       {0.687815f, 0.594429f}},
      {"smoothed probabilities",
       [&] { return losses::cross_entropy(a(), probabilities, {.label_smoothing = 0.1f}); },
       {0.74713f, 0.68282f}},
      {"all at once",
       [&] {
         return losses::cross_entropy(
             a(), targets(), {.weights = weights, .label_smoothing = 0.1f, .reduction = "sum"});
       },
       {1.21216f}},
      {"weighted binary",
       [&] {
         return losses::binary_cross_entropy(a(), binary_targets(), {.weights = core::abs(a())});
       },
       {0.300097f}},
      {"impossible events cost 100",
       [&] {
         return losses::binary_cross_entropy(array({0.0f, 1.0f}), array({1.0f, 1.0f}),
                                             {.with_logits = false});
       },
       {50.0f}},
      {"1-norm triplet",
       [&] { return losses::triplet_loss(a(), b(), a() + 0.1f, {.p = 1}); },
       {1.9f, 1.8f}},
      {"3-norm triplet",
       [&] { return losses::triplet_loss(a(), b(), a() + 0.1f, {.p = 3}); },
       {1.49237f, 1.41933f}},
  };
  for (const ValueCase& row : table) {
    EXPECT_THAT(values(row.call()), ElementsNear(row.expected, 1e-5f)) << row.name;
  }
}

TEST(Losses, ReduceAsAsked) {
  const array rows = losses::mse_loss(a(), b(), "none");
  EXPECT_EQ(rows.shape(), a().shape());
  EXPECT_THAT(values(losses::mse_loss(a(), b(), "sum")),
              ElementsNear(values(core::sum(rows)), 1e-6f));
}

TEST(Losses, RefuseWhatTheyCannotTake) {
  const array three({1, 2, 0}, core::int32);
  EXPECT_THROW(losses::cross_entropy(a(), three), std::invalid_argument);
  EXPECT_THROW(losses::cross_entropy(a(), core::transpose(b())), std::invalid_argument);
  EXPECT_THROW(losses::cross_entropy(a(), targets(), {.axis = 2}), std::invalid_argument);
  EXPECT_THROW(losses::cross_entropy(a(), targets(), {.label_smoothing = 1}),
               std::invalid_argument);
  EXPECT_THROW(losses::cross_entropy(a(), targets(), {.weights = a()}), std::invalid_argument);
  EXPECT_THROW(losses::mse_loss(a(), array({1.0f, 2.0f})), std::invalid_argument);
  EXPECT_THROW(losses::mse_loss(a(), b(), "average"), std::invalid_argument);
}

TEST(CrossEntropy, GradientIsSoftmaxLessTarget) {
  const array g =
      core::grad([](const array& x) { return losses::cross_entropy(x, targets(), "sum"); })(a());
  const array one_hot({0.0f, 0.0f, 1.0f, 1.0f, 0.0f, 0.0f}, {2, 3});
  EXPECT_THAT(values(g), ElementsNear(values(core::softmax(a(), -1) - one_hot), 1e-6f));
}

TEST(CrossEntropy, StaysFiniteForLargeLogits) {
  const array loss = losses::cross_entropy(array({1e4f, -1e4f}, {1, 2}), array({1}, core::int32));
  EXPECT_THAT(values(loss), ElementsNear(std::vector{2e4f}, 1e-6f));
}

}  // namespace
}  // namespace mlx
