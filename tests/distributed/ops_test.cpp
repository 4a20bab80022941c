// The operations of the graph, and their derivatives across ranks.

#include "mlx/distributed/ops.h"

#include <gtest/gtest.h>

#include <cmath>

#include "distributed/ranks.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"

namespace mlx::core::distributed {
namespace {

using testing::make_groups;
using testing::on_threads;

constexpr int kRanks = 3;

void on_groups(const std::function<void(Group)>& body) {
  const auto groups = make_groups("memory", kRanks);
  on_threads(kRanks, [&](int rank) { body(Group(groups.ranks[static_cast<size_t>(rank)])); });
}

void expect_equal(const array& a, const array& b) {
  ASSERT_EQ(a.shape(), b.shape());
  EXPECT_TRUE(all(equal(a, b)).item<bool>());
}

TEST(CollectiveOps, WorkOnScalarsEmptyAndStridedArrays) {
  on_groups([](Group g) {
    const float r = static_cast<float>(g.rank());
    EXPECT_EQ(all_sum(array(r), g).item<float>(), 3.0f);
    EXPECT_EQ(all_max(array(r), g).item<float>(), 2.0f);
    EXPECT_EQ(all_min(array(r + 5), g).item<float>(), 5.0f);
    expect_equal(all_gather(array(r), g), array({0.0f, 1.0f, 2.0f}));
    EXPECT_EQ(all_sum(zeros({0, 4}), g).shape(), Shape({0, 4}));
    EXPECT_EQ(all_gather(zeros({2, 0}), g).shape(), Shape({6, 0}));
    const array m = reshape(arange(6, float32), {2, 3});
    expect_equal(all_sum(transpose(m), g), transpose(m) * array(3.0f));
    expect_equal(broadcast(m + array(r), 1, g), m + array(1.0f));
    expect_equal(sum_scatter(transpose(m), g),
                 slice(transpose(m), Shape{g.rank(), 0}, Shape{g.rank() + 1, 2}) * array(3.0f));
    barrier(g);
  });
}

TEST(CollectiveOps, RunInTheOrderOfTheProgramWhateverTheGraph) {
  on_groups([](Group g) {
    const array a = all_sum(array(1.0f), g);
    const array b = all_gather(array(2.0f), g);
    const array c = all_max(array(static_cast<float>(g.rank())), g);
    // Every rank asks for them in another order.
    if (g.rank() == 0) eval({c, b, a});
    if (g.rank() == 1) eval({b, a, c});
    if (g.rank() == 2) eval({a, c, b});
    EXPECT_EQ(array(a).item<float>(), 3.0f);
  });
}

TEST(CollectiveOps, SendAndReceiveBetweenAnyRanks) {
  on_groups([](Group g) {
    const int next = (g.rank() + 1) % kRanks, previous = (g.rank() + kRanks - 1) % kRanks;
    const array mine = full({1000}, static_cast<float>(g.rank()));
    const array sent = send(mine, next, g);
    const array got = recv({1000}, float32, previous, g);
    eval({sent, got});
    expect_equal(got, full({1000}, static_cast<float>(previous)));
  });
}

TEST(CollectiveOps, OverlapWithTheComputationAcrossEvaluations) {
  on_groups([](Group g) {
    array x = full({1000}, 1.0f);
    for (int i = 0; i < 20; ++i) {
      x = all_sum(x, g) / array(3.0f) + array(1.0f);
      async_eval({x});
    }
    EXPECT_NEAR(sum(x).item<float>(), 21'000.0f, 1.0f);
  });
}

TEST(CollectiveOps, RefuseWhatMakesNoSense) {
  on_groups([](Group g) {
    EXPECT_THROW(sum_scatter(zeros({4}), g), std::invalid_argument);
    EXPECT_THROW(sum_scatter(array(1.0f), g), std::invalid_argument);
    EXPECT_THROW(send(zeros({4}), g.rank(), g), std::invalid_argument);
    EXPECT_THROW(recv({4}, float32, kRanks, g), std::invalid_argument);
    EXPECT_THROW(broadcast(zeros({4}), -1, g), std::invalid_argument);
    EXPECT_THROW(g.split(0), std::runtime_error);
  });
}

TEST(CollectiveOps, AGroupOfOneReturnsItsInput) {
  const Group one = init();
  EXPECT_EQ(one.size(), 1);
  const array x = array({1.0f, 2.0f});
  for (const array& y :
       {all_sum(x), all_max(x), all_min(x), all_gather(x), sum_scatter(x), broadcast(x, 0)}) {
    EXPECT_EQ(y.id(), x.id());
  }
  EXPECT_THROW(send(x, 0), std::invalid_argument);
  EXPECT_THROW(recv_like(x, 0), std::invalid_argument);
  EXPECT_THROW(init(true), std::runtime_error);
  EXPECT_THROW(init(false, "nonsense"), std::invalid_argument);
}

// One row for each collective: what it does and whether its result is the same
// on every rank (then every rank has the same loss), or the job's loss is the
// sum of the ranks' losses.
struct Row {
  const char* name;
  array (*apply)(const array&, Group);
  bool replicated;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

array ring_shift(const array& x, Group g) {
  const array sent = send(x, (g.rank() + 1) % kRanks, g);
  const array got = recv_like(x, (g.rank() + kRanks - 1) % kRanks, g);
  return sent * array(0.5f) + square(got);
}

const Row kRows[] = {
    {"all_sum", [](const array& x, Group g) { return all_sum(x, g); }, true},
    {"all_max", [](const array& x, Group g) { return all_max(x, g); }, true},
    {"all_min", [](const array& x, Group g) { return all_min(x, g); }, true},
    {"all_gather", [](const array& x, Group g) { return all_gather(x, g); }, true},
    {"sum_scatter", [](const array& x, Group g) { return sum_scatter(x, g); }, false},
    {"broadcast", [](const array& x, Group g) { return broadcast(x, 1, g); }, false},
    {"send_and_recv", ring_shift, false},
};

class CollectiveGradients : public ::testing::TestWithParam<Row> {};

INSTANTIATE_TEST_SUITE_P(Rows, CollectiveGradients, ::testing::ValuesIn(kRows),
                         [](const auto& info) { return std::string(info.param.name); });

constexpr int kValues = 6;
constexpr float kStep = 1e-2f;

// For each element the ranks' values lie half a unit apart, in various orders.
array input_of(int rank) {
  std::vector<float> v(kValues);
  for (int i = 0; i < kValues; ++i) {
    v[static_cast<size_t>(i)] =
        std::sin(1.7f * static_cast<float>(i)) + 0.5f * static_cast<float>((i + 2 * rank) % kRanks);
  }
  return array(v.data(), {kValues}, float32);
}

// A loss of the result whose weights vary by rank where the result does.
array loss_of(const Row& row, const array& x, Group g) {
  const array y = row.apply(x, g);
  const float phase = row.replicated ? 0.0f : static_cast<float>(g.rank());
  const array weights = cos(arange(static_cast<int>(y.size()), float32) + array(phase));
  return sum(flatten(y) * weights);
}

// The loss of the whole job.
float total_loss(const Row& row, const array& x, Group g) {
  const array loss = loss_of(row, x, g);
  return (row.replicated ? loss : all_sum(loss, g)).item<float>();
}

array nudge(int index, float by) {
  std::vector<float> v(kValues, 0.0f);
  v[static_cast<size_t>(index)] = by;
  return array(v.data(), {kValues}, float32);
}

TEST_P(CollectiveGradients, AgreeWithFiniteDifferencesAcrossRanks) {
  const Row& row = GetParam();
  on_groups([&](Group g) {
    const array x = input_of(g.rank());
    const auto [loss, gradient] =
        value_and_grad([&](const array& v) { return loss_of(row, v, g); })(x);
    // The loss too: a send that nobody evaluates does not happen.
    eval({loss, gradient});
    for (int rank = 0; rank < kRanks; ++rank) {
      for (int i = 0; i < kValues; ++i) {
        const bool ours = rank == g.rank();
        const float up = total_loss(row, ours ? x + nudge(i, kStep) : x, g);
        const float down = total_loss(row, ours ? x - nudge(i, kStep) : x, g);
        if (ours) {
          EXPECT_NEAR(gradient.data<float>()[i], (up - down) / (2 * kStep), 2e-3)
              << row.name << ", rank " << rank << ", value " << i;
        }
      }
    }
  });
}

TEST_P(CollectiveGradients, TangentsAgreeWithFiniteDifferencesAcrossRanks) {
  const Row& row = GetParam();
  on_groups([&](Group g) {
    const array x = input_of(g.rank());
    const array t = cos(arange(kValues, float32) + array(static_cast<float>(g.rank())));
    const auto [loss, tangent] = jvp([&](const array& v) { return loss_of(row, v, g); }, x, t);
    eval({loss, tangent});
    const float of_loss = tangent.item<float>();
    const array up = loss_of(row, x + t * array(kStep), g);
    const array down = loss_of(row, x - t * array(kStep), g);
    EXPECT_NEAR(of_loss, ((up - down) / array(2 * kStep)).item<float>(), 5e-3) << row.name;
  });
}

}  // namespace
}  // namespace mlx::core::distributed
