#include "mlx/launch/config/order.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace mlx::launch::config {
namespace {

using testing::ElementsAre;

Levels all_equal(size_t n, int level) {
  Levels levels(n, std::vector<int>(n, level));
  for (size_t i = 0; i < n; ++i) levels[i][i] = kNoLink;
  return levels;
}

void set_level(Levels& levels, size_t a, size_t b, int level) {
  levels[a][b] = levels[b][a] = level;
}

TEST(Order, EqualLinksKeepTheGivenOrder) {
  EXPECT_THAT(best_ring(all_equal(1, 5)), ElementsAre(0));
  EXPECT_THAT(best_ring(all_equal(2, 5)), ElementsAre(0, 1));
  EXPECT_THAT(best_ring(all_equal(5, 5)), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(best_ring(all_equal(12, 5)), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

TEST(Order, GoesRoundASlowLink) {
  Levels levels = all_equal(4, 10);
  set_level(levels, 0, 1, 3);
  EXPECT_THAT(best_ring(levels), ElementsAre(0, 2, 1, 3));
}

TEST(Order, TheSlowestLinkCountsBeforeTheSum) {
  // 0-1-2-3 has fast links and one of 2; 0-2-1-3 and 0-1-3-2 have none below 5.
  Levels levels = all_equal(4, 5);
  set_level(levels, 0, 1, 100);
  set_level(levels, 1, 2, 100);
  set_level(levels, 2, 3, 100);
  set_level(levels, 0, 3, 2);
  const auto best = best_ring(levels);
  EXPECT_EQ(worth_of(levels, best).slowest, 5);
  EXPECT_EQ(worth_of(levels, best).sum, 210);
}

TEST(Order, TwoHostsHaveOneLink) {
  EXPECT_EQ(worth_of(all_equal(2, 7), {0, 1}), (RingWorth{7, 7}));
}

TEST(Order, SaysWhenThereIsNoRing) {
  Levels star = all_equal(4, kNoLink);
  for (size_t i = 1; i < 4; ++i) set_level(star, 0, i, 9);
  EXPECT_EQ(worth_of(star, best_ring(star)).slowest, kNoLink);
}

TEST(Order, AgreesWithTryingEverything) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    Levels levels = all_equal(6, 0);
    for (size_t i = 0; i < 6; ++i) {
      for (size_t j = 0; j < i; ++j) {
        set_level(levels, i, j, random() % 5 == 0 ? kNoLink : static_cast<int>(random() % 8));
      }
    }
    std::vector<int> order(6);
    std::iota(order.begin(), order.end(), 0);
    RingWorth best = worth_of(levels, order);
    while (std::next_permutation(order.begin() + 1, order.end())) {
      best = std::max(best, worth_of(levels, order));
    }
    EXPECT_EQ(worth_of(levels, best_ring(levels)), best);
  }
}

TEST(Order, FindsTheHiddenRingOfManyHosts) {
  // A ring of fast links under shuffled names; everything else is slow.
  constexpr size_t kHosts = 16;
  std::vector<size_t> hidden(kHosts);
  std::iota(hidden.begin(), hidden.end(), size_t{0});
  std::shuffle(hidden.begin() + 1, hidden.end(), std::mt19937(3));
  Levels levels = all_equal(kHosts, 1);
  for (size_t i = 0; i < kHosts; ++i) set_level(levels, hidden[i], hidden[(i + 1) % kHosts], 50);
  EXPECT_EQ(worth_of(levels, best_ring(levels)).slowest, 50);
}

TEST(Order, RatesWithinATenthAreEqual) {
  EXPECT_EQ(level_of(9.41e9), level_of(9.45e9));
  EXPECT_LT(level_of(5e9), level_of(9.4e9));
  EXPECT_EQ(level_of(0), kNoLink);
}

}  // namespace
}  // namespace mlx::launch::config
