// What goes wrong between living ranks: they disagree, or one is late.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "distributed/ranks.h"
#include "error_of.h"
#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/collective.h"
#include "mlx/distributed/distributed.h"

namespace mlx::core::distributed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::make_groups;
using testing::on_threads;

// RDMA where this machine has a device.
std::vector<const char*> transports() {
  std::vector<const char*> all{"memory", "tcp", "shm", "fake_rdma"};
  if (is_available("rdma")) all.push_back("rdma");
  return all;
}

class Failures : public ::testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Transports, Failures, ::testing::ValuesIn(transports()),
                         [](const auto& info) { return std::string(info.param); });

void sum_values(detail::GroupImpl& group, std::vector<float> values) {
  const auto bytes = std::as_writable_bytes(std::span(values));
  group.run({Operation::all_reduce, Reduction::sum, float32, -1, bytes, bytes});
}

void gather_values(detail::GroupImpl& group, std::vector<float> values) {
  std::vector<float> out(values.size() * static_cast<size_t>(group.size()));
  group.run({Operation::all_gather, Reduction::none, float32, -1, std::as_bytes(std::span(values)),
             std::as_writable_bytes(std::span(out))});
}

TEST_P(Failures, RanksAtDifferentCollectivesBothLearnWhoIsWhere) {
  const auto groups = make_groups(GetParam(), 2);
  on_threads(2, [&](int rank) {
    auto& group = *groups.ranks[static_cast<size_t>(rank)];
    sum_values(group, {1, 2, 3});
    const auto message = error_of<DesyncError>([&] {
      rank == 0 ? sum_values(group, {1, 2, 3, 4}) : gather_values(group, {1, 2});
    });
    EXPECT_THAT(message,
                AllOf(HasSubstr("#1 all_sum float32[4]"), HasSubstr("#1 all_gather float32[2]"),
                      HasSubstr("ank 0"), HasSubstr("ank 1")));
  });
}

TEST_P(Failures, DifferentSizesAreFoundBeforeDataIsUsed) {
  const auto groups = make_groups(GetParam(), 2);
  on_threads(2, [&](int rank) {
    auto& group = *groups.ranks[static_cast<size_t>(rank)];
    const size_t count = rank == 0 ? 100'000 : 50'000;
    error_of<DesyncError>([&] { sum_values(group, std::vector<float>(count)); });
  });
}

TEST_P(Failures, ADeadlineEndsTheWaitAndTheGroupOnEveryRank) {
  const auto groups = make_groups(GetParam(), 3, Milliseconds{200});
  std::atomic<bool> timed_out = false;
  on_threads(3, [&](int rank) {
    auto& group = *groups.ranks[static_cast<size_t>(rank)];
    if (rank == 2) {
      while (!timed_out) std::this_thread::sleep_for(Milliseconds{1});
      // The others' reports need a moment to arrive.
      std::this_thread::sleep_for(Milliseconds{200});
      error_of<AbortedError>([&] { sum_values(group, {1}); });
      return;
    }
    try {
      sum_values(group, {1});
      ADD_FAILURE() << "no error";
    } catch (const TimeoutError& error) {
      EXPECT_THAT(error.what(), HasSubstr("waited for rank"));
      EXPECT_EQ(error.where().operation, "all_sum");
      EXPECT_GE(error.where().elapsed, Milliseconds{200});
    } catch (const AbortedError&) {  // the other one was first
    }
    timed_out = true;
  });
}

TEST_P(Failures, AGroupThatFailedThrowsTheSameErrorAtOnce) {
  const auto groups = make_groups(GetParam(), 2, Milliseconds{100});
  auto& group = *groups.ranks[0];
  error_of<TimeoutError>([&] { sum_values(group, {1}); });
  const auto start = Clock::now();
  error_of<TimeoutError>([&] { sum_values(group, {1}); });
  EXPECT_LT(Clock::now() - start, Milliseconds{50});
}

TEST_P(Failures, AbortWakesAWaitingRankAndTellsTheOthers) {
  const auto groups = make_groups(GetParam(), 2);
  const auto start = Clock::now();
  std::thread waiting([&] {
    const auto message = error_of<AbortedError>([&] { sum_values(*groups.ranks[0], {1}); });
    EXPECT_THAT(message, HasSubstr("enough"));
  });
  std::this_thread::sleep_for(Milliseconds{50});
  groups.ranks[1]->abort("enough");
  waiting.join();
  EXPECT_LT(Clock::now() - start, Milliseconds{5000});
}

TEST(FlightRecorder, TellsWhatRanAndWhatFailed) {
  const auto groups = make_groups("memory", 2, Milliseconds{100});
  on_threads(2, [&](int rank) { sum_values(*groups.ranks[static_cast<size_t>(rank)], {1, 2}); });
  error_of<TimeoutError>([&] { gather_values(*groups.ranks[0], {1}); });
  const std::string json = groups.ranks[0]->recorder().json();
  EXPECT_THAT(json,
              AllOf(HasSubstr("\"all_sum\""), HasSubstr("\"done\""), HasSubstr("\"all_gather\""),
                    HasSubstr("\"failed\""), HasSubstr("waited for rank 1")));
}

}  // namespace
}  // namespace mlx::core::distributed
