// Groups made of groups, their limits, and the order of what they run.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <barrier>
#include <random>
#include <thread>

#include "distributed/ranks.h"
#include "error_of.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"
#include "mlx/distributed/ops.h"
#include "mlx/distributed/turnstile.h"

namespace mlx::core::distributed {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using testing::make_groups;
using testing::on_threads;

class SubGroups : public ::testing::TestWithParam<const char*> {
 protected:
  // Runs `body` on every rank of a job.
  void on_ranks(int ranks, const std::function<void(Group)>& body, bool detail = false,
                Milliseconds limit = Milliseconds{20'000}) {
    const auto groups = make_groups(GetParam(), ranks, limit, "", detail);
    on_threads(ranks, [&](int rank) { body(Group(groups.ranks[static_cast<size_t>(rank)])); });
  }
};

INSTANTIATE_TEST_SUITE_P(Transports, SubGroups,
                         ::testing::Values("memory", "tcp", "shm", "fake_rdma"),
                         [](const auto& info) { return std::string(info.param); });

// Who is in the group, told by all of them.
std::vector<int> members(const Group& group, int told) {
  array all = all_gather(array(told, int32), group);
  all.eval();
  return {all.data<int32_t>(), all.data<int32_t>() + all.size()};
}

float sum_of(const Group& group, float x) { return all_sum(array(x), group).item<float>(); }

TEST_P(SubGroups, HoldTheRanksOfOneColorInTheOrderOfTheirKeys) {
  on_ranks(5, [](const Group& world) {
    const int rank = world.rank();
    const Group parity = world.split(rank % 2, 100 - rank);
    EXPECT_THAT(members(parity, rank),
                ElementsAreArray(rank % 2 == 0 ? std::vector{4, 2, 0} : std::vector{3, 1}));
    EXPECT_THAT(members(world.split(7), rank), ElementsAreArray({0, 1, 2, 3, 4}));
    EXPECT_THAT(members(world.split(-3, 1), rank), ElementsAreArray({0, 1, 2, 3, 4}));
    EXPECT_EQ(world.split(rank).size(), 1);
    EXPECT_EQ(sum_of(world, 1.0f), 5.0f);
  });
}

TEST_P(SubGroups, NestAndWorkAtTheSameTime) {
  on_ranks(4, [](const Group& world) {
    const int rank = world.rank();
    const Group half = world.split(rank / 2);
    const Group again = half.split(0, -half.rank() - 2);
    const Group alone = again.split(again.rank()).split(3);
    std::vector<array> results;
    for (int i = 0; i < 50; ++i) {
      results.push_back(all_sum(full({1000}, static_cast<float>(rank)), half));
      results.push_back(all_gather(array(rank), again));
      results.push_back(all_sum(array(i), world));
    }
    eval(results);
    const int first = rank / 2 * 2;
    for (size_t i = 0; i < results.size(); i += 3) {
      EXPECT_EQ(max(results[i]).item<float>(), static_cast<float>(2 * first + 1));
      EXPECT_EQ(results[i + 1].data<int32_t>()[0], first + 1);
      EXPECT_EQ(results[i + 2].item<int>(), static_cast<int>(i) / 3 * 4);
    }
    EXPECT_EQ(sum_of(alone, 3.0f), 3.0f);
  });
}

TEST_P(SubGroups, AreNotConcernedByTheFailureOfOthers) {
  std::barrier<> both(4);
  on_ranks(4, [&](const Group& world) {
    // The halves' halves have the same ids.
    const Group half = world.split(world.rank() / 2);
    Group half_again = half.split(0);
    if (world.rank() == 3) half_again.abort("enough");
    both.arrive_and_wait();
    if (world.rank() < 2) {
      EXPECT_EQ(sum_of(half_again, 1.0f), 2.0f);
    } else {
      EXPECT_THAT(error_of<AbortedError>([&] { sum_of(half_again, 1.0f); }), HasSubstr("enough"));
    }
    EXPECT_EQ(sum_of(half, 1.0f), 2.0f);
    EXPECT_EQ(sum_of(world, 1.0f), 4.0f);
  });
}

TEST_P(SubGroups, LetTwoThreadsOfARankUseTwoOfThem) {
  on_ranks(2, [](const Group& world) {
    const Group groups[] = {world.split(0), world.split(0)};
    on_threads(2, [&](int thread) {
      for (int i = 0; i < 200; ++i) EXPECT_EQ(sum_of(groups[thread], 1.0f), 2.0f);
    });
  });
}

TEST_P(SubGroups, CanBeMadeByTwoThreadsAtOnce) {
  on_ranks(2, [](const Group& world) {
    const Group groups[] = {world.split(0), world.split(0)};
    on_threads(2, [&](int thread) {
      Group group = groups[thread];
      for (int i = 0; i < 5; ++i) group = group.split(0);
      EXPECT_EQ(sum_of(group, 1.0f), 2.0f);
    });
  });
}

TEST_P(SubGroups, LimitACallOrAllCalls) {
  for (const bool by_call : {true, false}) {
    on_ranks(2, [&](Group world) {
      if (world.rank() == 1) return;
      if (!by_call) world.set_timeout(100ms);
      const Group limited = by_call ? world.with_timeout(100ms) : world;
      EXPECT_EQ(limited.timeout(), 100ms);
      try {
        sum_of(limited, 1.0f);
        ADD_FAILURE() << "no error";
      } catch (const TimeoutError& error) {
        EXPECT_THAT(error.what(), HasSubstr("100 ms"));
        EXPECT_EQ(error.where().peer, 1);
        EXPECT_EQ(error.where().rank, 0);
        EXPECT_EQ(error.where().operation, "all_sum");
        EXPECT_EQ(error.where().bytes, 4u);
        EXPECT_GE(error.where().elapsed, 100ms);
      }
    });
  }
}

TEST_P(SubGroups, RefuseALimitThatMakesNoSense) {
  on_ranks(1, [](Group world) {
    EXPECT_THROW(world.with_timeout(0ms), std::invalid_argument);
    EXPECT_THROW(world.set_timeout(-1ms), std::invalid_argument);
    EXPECT_THROW(monitored_barrier(world, 0ms), std::invalid_argument);
  });
}

TEST_P(SubGroups, SayInDetailWhereEveryRankIs) {
  on_ranks(
      4,
      [](const Group& world) {
        EXPECT_EQ(sum_of(world, 1.0f), 4.0f);
        const array x = zeros({10});
        const auto message = error_of<DesyncError>(
            [&] { eval({world.rank() == 2 ? all_gather(x, world) : all_sum(x, world)}); });
        EXPECT_THAT(message, AllOf(HasSubstr("Ranks 0, 1, 3 are at #1 all_sum float32[10]"),
                                   HasSubstr("Rank 2 is at #1 all_gather float32[10]")));
      },
      true);
}

TEST_P(SubGroups, NameAllWhoDoNotComeToAMonitoredBarrier) {
  std::barrier<> failed(4);
  on_ranks(4, [&](const Group& world) {
    monitored_barrier(world, 20s);
    if (world.rank() % 2 == 0) {
      const auto message = error_of<TimeoutError>([&] { monitored_barrier(world, 200ms); });
      EXPECT_THAT(message, HasSubstr("Ranks 1, 3 have not come"));
      failed.arrive_and_wait();
    } else {
      failed.arrive_and_wait();
      // Those who are late together may pass it before they hear of the failure.
      error_of<DistributedError>([&] {
        while (true) monitored_barrier(world, 20s);
      });
    }
  });
}

TEST_P(SubGroups, AbortWakesWhoWaitsAndFailsWhatComesLater) {
  on_ranks(3, [](Group world) {
    std::thread aborting;
    if (world.rank() == 2) {
      aborting = std::thread([world]() mutable { world.abort("the data are bad"); });
    } else {
      EXPECT_THAT(error_of<AbortedError>([&] { sum_of(world, 1.0f); }), HasSubstr("data are bad"));
    }
    if (aborting.joinable()) aborting.join();
    EXPECT_THAT(error_of<AbortedError>([&] { sum_of(world, 1.0f); }), HasSubstr("data are bad"));
  });
}

// A rank that took them in the order in which its streams come to them would be
// at another one than the others.
TEST_P(SubGroups, RunInTheOrderOfTheProgramOnAnyStreams) {
  on_ranks(3, [](const Group& world) {
    std::mt19937 program(42), random(static_cast<unsigned>(world.rank()));
    std::vector<StreamOrDevice> streams{{}, default_stream(Device::cpu)};
    for (int i = 0; i < 3; ++i) streams.emplace_back(new_stream(Device::cpu));
    std::vector<array> results;
    for (int i = 0; i < 1000; ++i) {
      const auto& stream = streams[random() % streams.size()];
      const array x = full({1 + i % 7}, i);
      results.push_back(max(i % 2 == 0 ? all_sum(x, world, stream) : all_max(x, world, stream)));
      if (program() % 20 == 0) async_eval({results.back()});
      if (program() % 50 == 0) eval(results);
    }
    eval(results);
    for (int i = 0; i < 1000; ++i) {
      EXPECT_EQ(results[static_cast<size_t>(i)].item<int>(), i % 2 == 0 ? 3 * i : i);
    }
  });
}

TEST_P(SubGroups, GoOnAfterACallWhoseInputFailed) {
  on_ranks(2, [](const Group& world) {
    Group broken = world.split(0);
    broken.abort("for the test");
    const Stream stream = new_stream(Device::cpu);
    const array lost = all_sum(all_sum(array(1.0f), broken), world, stream);
    const array kept = all_sum(array(1.0f), world);
    async_eval({lost, kept});
    EXPECT_EQ(array(kept).item<float>(), 2.0f);
    EXPECT_THROW(array(lost).item<float>(), AbortedError);
  });
}

TEST(Turnstile, GoesOnPastTurnsThatAreForgone) {
  Turnstile turns;
  const uint64_t first = turns.reserve(), second = turns.reserve(), third = turns.reserve();
  turns.leave(second);
  turns.leave(second);
  std::thread last([&] { const Turnstile::Pass pass(turns, third); });
  turns.leave(first);
  last.join();
  const Turnstile::Pass pass(turns, 0);
}

TEST(Turnstile, KeepsNobodyOnceItIsOpen) {
  Turnstile turns;
  turns.reserve();
  std::thread waiting([&] { const Turnstile::Pass pass(turns, 0); });
  turns.open();
  waiting.join();
}

}  // namespace
}  // namespace mlx::core::distributed
