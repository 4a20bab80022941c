#include "mlx/launch/verdict.h"

#include <gtest/gtest.h>

namespace mlx::launch {
namespace {

using std::chrono::milliseconds;
using Cause = Verdict::Cause;

constexpr int kFailed = 1 << 8;  // as waitpid() gives exit code 1
constexpr int kKilled = 9;
const Clock::time_point kStart = Clock::now();

Clock::time_point at(int time) { return kStart + milliseconds(time); }

TEST(Verdict, IsSuccessIfNothingHappens) {
  EXPECT_FALSE(Verdict().decided());
  EXPECT_EQ(Verdict().exit_code(), 0);
}

TEST(Verdict, BlamesTheFirstRank) {
  Verdict verdict;
  verdict.rank_failed({2, kFailed}, at(0));
  verdict.rank_failed({1, 2 << 8}, at(0));
  EXPECT_EQ(verdict.cause(), Cause::rank);
  EXPECT_EQ(verdict.rank().rank, 2);
  EXPECT_EQ(verdict.exit_code(), 1);
}

TEST(Verdict, BlamesARankThatWasKilledRatherThanOneThatMissesIt) {
  const struct {
    Ended second;
    int time;
    int blamed;
  } rows[] = {{{1, kKilled, false}, 100, 1},    // its end was seen late
              {{1, kKilled, true}, 100, 2},     // we killed it
              {{1, kKilled, false}, 1500, 2}};  // it cannot be why
  for (const auto& row : rows) {
    Verdict verdict;
    verdict.rank_failed({2, kFailed}, at(0));
    verdict.rank_failed(row.second, at(row.time));
    EXPECT_EQ(verdict.rank().rank, row.blamed) << row.time;
  }
}

TEST(Verdict, BlamesAHostThatHasFallenSilentRatherThanARank) {
  const struct {
    int heard;
    Cause cause;
    int code;
  } rows[] = {{-5'000, Cause::host, 255}, {900, Cause::host, 255}, {1'100, Cause::rank, 1}};
  for (const auto& row : rows) {
    Verdict verdict;
    verdict.rank_failed({2, kFailed}, at(0));
    verdict.host_lost(7, at(row.heard));
    EXPECT_EQ(verdict.cause(), row.cause) << row.heard;
    EXPECT_EQ(verdict.exit_code(), row.code);
  }
}

TEST(Verdict, BlamesTheFirstHost) {
  Verdict verdict;
  verdict.host_lost(1, at(0));
  verdict.host_lost(0, at(-100));
  verdict.rank_failed({2, kKilled}, at(0));
  EXPECT_EQ(verdict.cause(), Cause::host);
  EXPECT_EQ(verdict.host(), 1u);
}

TEST(Verdict, KeepsAnOrder) {
  Verdict verdict;
  verdict.ordered("Time is up.", 124);
  verdict.rank_failed({2, kKilled}, at(0));
  verdict.host_lost(0, at(0));
  EXPECT_EQ(verdict.cause(), Cause::order);
  EXPECT_EQ(verdict.reason(), "Time is up.");
  EXPECT_EQ(verdict.exit_code(), 124);
}

}  // namespace
}  // namespace mlx::launch
