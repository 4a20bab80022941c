// New groups of the ranks that are left, as real processes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "distributed/processes.h"

namespace mlx::core::distributed {
namespace {

using ::testing::HasSubstr;
using testing::kPatience;
using ::testing::Not;
using testing::Processes;

// For what happens on some of the ranks.
void wait_until(Processes& job, const std::function<bool()>& happened) {
  const Deadline deadline = after(kPatience);
  while (!happened() && Clock::now() < deadline) job.wait_for_end(Milliseconds{10});
}

class Regroup : public ::testing::TestWithParam<const char*> {
 protected:
  Processes::Options options(int ranks) const {
    return {.ranks = ranks, .variables = {{"MLX_TRANSPORT", GetParam()}}};
  }
};

INSTANTIATE_TEST_SUITE_P(Transports, Regroup, ::testing::Values("tcp", "shm"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(Regroup, TheRanksThatAreLeftGoOnWithoutStartingAnew) {
  Processes job("shrink_forever", options(4));
  ASSERT_TRUE(job.wait_for_output("right with 4", kPatience)) << job.transcript();
  job.signal(3, SIGKILL);
  ASSERT_TRUE(job.wait_for_output("right with 3", kPatience, 3)) << job.transcript();
  job.signal(0, SIGKILL);
  for (const int rank : {1, 2}) {
    wait_until(job, [&] { return job.output(rank).find("right with 2") != std::string::npos; });
    EXPECT_THAT(job.output(rank), HasSubstr("right with 2")) << job.transcript();
    EXPECT_THAT(job.output(rank), Not(HasSubstr("wrong"))) << job.transcript();
  }
}

TEST_P(Regroup, RanksThatDisagreedOrWereLateOrGaveUpGoOnTogether) {
  Processes job("shrink_the_living", options(3));
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(job.output(rank), "all right\n") << job.transcript();
  }
}

TEST_P(Regroup, WhoDiesWhileTheOthersWaitForItIsLeftOut) {
  Processes job("shrink_without_rank_2", options(4));
  ASSERT_TRUE(job.wait_for_output("ready", kPatience)) << job.transcript();
  EXPECT_FALSE(job.wait_for_output("right with", Milliseconds{300})) << job.transcript();
  job.signal(2, SIGKILL);
  ASSERT_TRUE(job.wait_for_output("right with 3", kPatience, 2)) << job.transcript();
}

TEST_P(Regroup, AGroupWithoutTheLostRankGoesOn) {
  Processes job("half_goes_on", options(4));
  ASSERT_TRUE(job.wait_for_output("ready", kPatience)) << job.transcript();
  job.signal(3, SIGKILL);
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  for (const int rank : {0, 1}) {
    EXPECT_THAT(job.output(rank), HasSubstr("Rank 3 is lost")) << job.transcript();
    EXPECT_THAT(job.output(rank), HasSubstr("goes on")) << job.transcript();
  }
  EXPECT_THAT(job.output(2), HasSubstr("Rank 3 is lost")) << job.transcript();
  EXPECT_THAT(job.output(2), HasSubstr("which is rank 1 of group")) << job.transcript();
}

TEST(Regrouping, NamesWhoIsAliveAndDoesNotCome) {
  Processes job("shrink_without_rank_2", {.ranks = 3, .variables = {{"MLX_CONNECT_LIMIT", "4"}}});
  ASSERT_TRUE(job.wait_for_end(kPatience, 2)) << job.transcript();
  for (const int rank : {0, 1}) {
    EXPECT_THAT(job.output(rank), HasSubstr("TimeoutError")) << job.transcript();
    EXPECT_THAT(job.output(rank), HasSubstr("have not: 2.")) << job.transcript();
  }
}

TEST(Regrouping, RefusesWhoWasStoppedAndGivenUp) {
  Processes job("shrink_forever", {.ranks = 3, .heartbeat = Milliseconds{1000}});
  ASSERT_TRUE(job.wait_for_output("right with 3", kPatience)) << job.transcript();
  job.signal(1, SIGSTOP);
  ASSERT_TRUE(job.wait_for_output("right with 2", kPatience, 1)) << job.transcript();
  job.signal(1, SIGCONT);
  wait_until(job, [&] { return job.exit_code(1) >= 0; });
  EXPECT_EQ(job.exit_code(1), 3) << job.transcript();
  EXPECT_THAT(job.output(1), HasSubstr("cannot meet again")) << job.transcript();
  EXPECT_THAT(job.output(0), Not(HasSubstr("right with 1"))) << job.transcript();
}

TEST(Regrouping, EndsWithTheRendezvous) {
  Processes job("shrink_forever", {.ranks = 3, .rank0_serves = true});
  ASSERT_TRUE(job.wait_for_output("right with 3", kPatience)) << job.transcript();
  job.signal(0, SIGKILL);
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  for (const int rank : {1, 2}) {
    EXPECT_THAT(job.output(rank), HasSubstr("rendezvous went with rank 0")) << job.transcript();
  }
}

}  // namespace
}  // namespace mlx::core::distributed
