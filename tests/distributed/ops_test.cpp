// The operations of the graph. Their derivatives: gradients_test.cpp.

#include "mlx/distributed/ops.h"

#include <gtest/gtest.h>

#include <cmath>

#include "distributed/ranks.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"

namespace mlx::core::distributed {
namespace {

using testing::kRanks;
using testing::make_groups;
using testing::on_groups;
using testing::on_threads;

using Rows = std::vector<int64_t>;

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
    EXPECT_THROW(reduce(zeros({4}), kRanks, g), std::invalid_argument);
    EXPECT_THROW(gather(zeros({4}), -1, g), std::invalid_argument);
    EXPECT_THROW(scatter(zeros({4}), 0, g), std::invalid_argument);
    EXPECT_THROW(all_to_all(zeros({4}), g), std::invalid_argument);
    EXPECT_THROW(all_gather(zeros({4}), Rows{3, 3, 3}, g), std::invalid_argument);
    EXPECT_THROW(all_gather(zeros({4}), Rows{4, 4}, g), std::invalid_argument);
    EXPECT_THROW(sum_scatter(zeros({4}), Rows{5, -1, 0}, g), std::invalid_argument);
    EXPECT_THROW(sum_scatter(zeros({4}), Rows{1, 1, 1}, g), std::invalid_argument);
    EXPECT_THROW(scatter(array(1.0f), Rows{1, 1, 1}, 0, g), std::invalid_argument);
    EXPECT_THROW(all_to_all(zeros({6}), Rows{2, 2, 2}, Rows{3, 3, 3}, g), std::invalid_argument);
    EXPECT_THROW(send(zeros({4}), (g.rank() + 1) % kRanks, -1, g), std::invalid_argument);
    EXPECT_THROW(send_recv({Parcel::recv({}, float32, g.rank())}, g), std::invalid_argument);
  });
}

TEST(CollectiveOps, AGroupOfOneReturnsItsInput) {
  const Group one = init();
  EXPECT_EQ(one.size(), 1);
  const array x = array({1.0f, 2.0f});
  for (const array& y :
       {all_sum(x), all_prod(x), all_max(x), all_min(x), all_gather(x), sum_scatter(x),
        all_to_all(x), broadcast(x, 0), reduce(x, 0), gather(x, 0), scatter(x, 0)}) {
    EXPECT_EQ(y.id(), x.id());
  }
  EXPECT_THROW(send(x, 0), std::invalid_argument);
  EXPECT_THROW(recv_like(x, 0), std::invalid_argument);
  EXPECT_THROW(send_recv({Parcel::send(x, 0)}), std::invalid_argument);
  EXPECT_THROW(init(true), std::runtime_error);
  EXPECT_THROW(init(false, "nonsense"), std::invalid_argument);
}

TEST(CollectiveOps, ReduceToOneRank) {
  on_groups([](Group g) {
    const array x = array({1.0f, 2.0f}) + array(static_cast<float>(g.rank()));
    expect_equal(all_prod(x, g), array({6.0f, 24.0f}));
    const auto at = [&](int root, const array& expected) {
      return g.rank() == root ? expected : zeros_like(expected);
    };
    expect_equal(reduce(x, 1, g), at(1, array({6.0f, 9.0f})));
    expect_equal(reduce_prod(x, 0, g), at(0, array({6.0f, 24.0f})));
    expect_equal(reduce_max(x, 2, g), at(2, array({3.0f, 4.0f})));
    expect_equal(reduce_min(x, 1, g), at(1, array({1.0f, 2.0f})));
    EXPECT_EQ(reduce(zeros({0, 3}), 0, g).shape(), Shape({0, 3}));
  });
}

TEST(CollectiveOps, GatherAtTheRootAndScatterFromIt) {
  on_groups([](Group g) {
    const bool root = g.rank() == 1;
    const array mine = full({2, 2}, static_cast<float>(g.rank()));
    const array all = gather(mine, 1, g);
    expect_equal(all, root ? reshape(repeat(arange(3, float32), 4, 0), {6, 2}) : zeros({0, 2}));
    expect_equal(gather(array(5.0f), 1, g), root ? full({3}, 5.0f) : zeros({0}));
    // On the others only shape and dtype count: a view of one value will do.
    const array rows = reshape(arange(12, float32), {6, 2});
    const array like = root ? rows : broadcast_to(array(0.0f), {6, 2});
    expect_equal(scatter(like, 1, g),
                 slice(rows, Shape{2 * g.rank(), 0}, Shape{2 * g.rank() + 2, 2}));
    EXPECT_EQ(scatter(transpose(reshape(like, {2, 6})), 1, g).shape(), Shape({2, 2}));
  });
}

TEST(CollectiveOps, ExchangeBlocksBetweenAll) {
  on_groups([](Group g) {
    const array mine = arange(3, float32) + array(10.0f * static_cast<float>(g.rank()));
    expect_equal(all_to_all(mine, g),
                 array({0.0f, 10.0f, 20.0f}) + array(static_cast<float>(g.rank())));
    EXPECT_EQ(all_to_all(zeros({0, 2}), g).shape(), Shape({0, 2}));
    // Rank r gives j rows to rank j, so rank j gets j from each.
    const int64_t j = g.rank();
    const array uneven = all_to_all(mine, Rows{0, 1, 2}, Rows{j, j, j}, g);
    const array expected[] = {zeros({0}), array({0.0f, 10.0f, 20.0f}),
                              array({1.0f, 2.0f, 11.0f, 12.0f, 21.0f, 22.0f})};
    expect_equal(uneven, expected[j]);
  });
}

TEST(CollectiveOps, TakePartsThatDiffer) {
  on_groups([](Group g) {
    const auto rank = static_cast<size_t>(g.rank());
    const int64_t mine = std::vector<int64_t>{2, 0, 1}[rank];
    const Sizes sizes = gather_sizes(mine, g);
    EXPECT_EQ(sizes.of_ranks, Rows({2, 0, 1}));
    const array x = full({mine, 2}, static_cast<float>(g.rank()));
    const array all = array({0.0f, 0.0f, 0.0f, 0.0f, 2.0f, 2.0f}, {3, 2});
    expect_equal(all_gather(x, sizes, g), all);
    expect_equal(gather(x, sizes, 2, g), rank == 2 ? all : zeros({0, 2}));
    const array part[] = {zeros({2, 2}), zeros({0, 2}), full({1, 2}, 2.0f)};
    expect_equal(sum_scatter(all, sizes, g), part[rank] * array(3.0f));
    // On the others axis 0 may have any length.
    expect_equal(scatter(rank == 0 ? all : zeros({0, 2}), sizes, 0, g), part[rank]);
  });
}

TEST(CollectiveOps, MessagesHaveTags) {
  on_groups([](Group g) {
    if (g.rank() == 0) eval({send(array(1.0f), 2, 7, g), send(array(2.0f), 2, g)});
    if (g.rank() == 2) {
      EXPECT_EQ(recv({}, float32, 0, g).item<float>(), 2.0f);
      EXPECT_EQ(recv_like(array(0.0f), 0, 7, g).item<float>(), 1.0f);
    }
  });
}

TEST(CollectiveOps, ABatchOfMessagesNeedsNoOrder) {
  on_groups([](Group g) {
    std::vector<Parcel> parcels;
    for (int peer = 0; peer < kRanks; ++peer) {
      if (peer == g.rank()) continue;
      parcels.push_back(
          Parcel::send(full({700'000}, static_cast<float>(10 * g.rank() + peer)), peer));
      parcels.push_back(Parcel::recv({700'000}, float32, peer));
    }
    const auto moved = send_recv(parcels, g);
    ASSERT_EQ(moved.size(), parcels.size());
    for (size_t i = 0; i < moved.size(); ++i) {
      const int peer = parcels[i].peer;
      const int value = parcels[i].sends ? 10 * g.rank() + peer : 10 * peer + g.rank();
      expect_equal(moved[i], full({700'000}, static_cast<float>(value)));
    }
    EXPECT_TRUE(send_recv({}, g).empty());
  });
}

// Braces in place of a group or a stream mean what they did before there were
// sizes and tags.
TEST(CollectiveOps, AreCalledWithoutAmbiguity) {
  const array x = array({1.0f, 2.0f});
  for (const array& y :
       {all_gather(x, {}), all_gather(x, {}, {}), all_gather(x, Rows{2}), sum_scatter(x, {}),
        sum_scatter(x, Rows{2}), all_to_all(x, {}), all_to_all(x, Rows{2}, Rows{2}),
        gather(x, 0, {}), gather(x, Rows{2}, 0), scatter(x, 0, {}, {}), scatter(x, Rows{2}, 0)}) {
    EXPECT_EQ(y.id(), x.id());
  }
  EXPECT_EQ(gather_sizes(2).of_ranks, Rows{2});
  on_groups([](Group g) {
    const int next = (g.rank() + 1) % kRanks, previous = (g.rank() + kRanks - 1) % kRanks;
    const array sent = send(array(1.0f), next, 0, g);
    const array got = recv(Shape{}, float32, previous, g, {});
    eval({sent, got});
    EXPECT_EQ(array(got).item<float>(), 1.0f);
  });
}

TEST(CollectiveOps, RunOnAStreamOfTheCallersAndInSeveralGroupsAtOnce) {
  const auto first = make_groups("memory", kRanks);
  const auto second = make_groups("memory", kRanks);
  on_threads(kRanks, [&](int rank) {
    const Group a(first.ranks[static_cast<size_t>(rank)]);
    const Group b(second.ranks[static_cast<size_t>(rank)]);
    const Stream mine = new_stream(Device(Device::cpu));
    array x = array(1.0f), y = array(1.0f);
    for (int i = 0; i < 10; ++i) {
      x = all_sum(x, a) / array(2.0f);
      y = all_max(y + x, b, mine);
    }
    eval({x, y});
    EXPECT_FLOAT_EQ(x.item<float>(), std::pow(1.5f, 10.0f));
    EXPECT_FLOAT_EQ(y.item<float>(), 1.0f + 3.0f * (std::pow(1.5f, 10.0f) - 1.0f));
  });
}

}  // namespace
}  // namespace mlx::core::distributed
