// What the ranks of mpi_test run under mpirun. What fails is printed by the
// expectations; a body that was right to its end says so.

#include "distributed/mpi/bodies.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <thread>

#include "distributed/conformance.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"
#include "mlx/distributed/ops.h"
#include "mlx/distributed/transports/mpi/mpi_fabric.h"

namespace mlx::core::distributed::testing {
namespace {

using detail::GroupImpl;

void say(const char* text) {
  std::printf("%s\n", text);
  std::fflush(stdout);
}

/// The job, and groups of its ranks as the test wants them.
class Setting {
 public:
  int rank() const { return job_->rank(); }
  int size() const { return job_->size(); }

  std::vector<int> everyone() const {
    std::vector<int> ranks(static_cast<size_t>(size()));
    std::iota(ranks.begin(), ranks.end(), 0);
    return ranks;
  }

  std::shared_ptr<GroupImpl> group(std::vector<int> ranks, const std::string& algorithm = "",
                                   Milliseconds limit = Milliseconds{20'000}) {
    const uint32_t id = next_id_++;
    auto transport = fabric_->connect(id, ranks);
    detail::GroupOptions options;
    options.group = id;
    options.world_ranks = std::move(ranks);
    options.operation_limit = limit;
    options.algorithm = algorithm;
    options.report = [this](const Failure& failure) { job_->report(failure); };
    auto group = std::make_shared<GroupImpl>(std::move(transport), std::move(options));
    job_->subscribe([group](const Failure& failure) { group->notice(failure); });
    return group;
  }

 private:
  mpi::Joined joined_ = mpi::join();
  std::shared_ptr<Job> job_ = joined_.job;
  std::shared_ptr<Fabric> fabric_ = mpi::make_mpi_fabric(joined_);
  uint32_t next_id_ = Job::kFirstFreeGroup;
};

// The sizes at which something changes: none, fewer than ranks, what is copied
// once more, a segment, what MPI's own collectives do.
void every_operation() {
  const auto group = init(true, "mpi").raw_group();
  const int last = group->size() - 1;
  for (const Case& c : kCases) {
    for (const Dtype dtype : kAllDtypes) {
      for (const size_t count : {0, 1, 7, 1000}) expect_right(*group, c, dtype, count, last);
    }
    for (const size_t count : {1025, 65'536, 65'537, 1'100'003}) {
      expect_right(*group, c, float32, count, 0);
    }
    expect_right(*group, c, bfloat16, 300'007, last);
    if (c.operation == Operation::broadcast) expect_right(*group, c, float32, 2'200'000, last);
  }
}

void every_algorithm() {
  Setting setting;
  for (const char* algorithm : {"direct", "doubling", "ring", "pairwise", "tree", "hierarchical"}) {
    const auto group = setting.group(setting.everyone(), algorithm);
    for (const Case& c : kCases) {
      for (const size_t count : {5, 70'001, 400'000}) expect_right(*group, c, float32, count);
    }
  }
}

// Groups in another order and with some of the ranks, two of them at a time.
void sub_groups() {
  Setting setting;
  auto backwards = setting.everyone();
  std::reverse(backwards.begin(), backwards.end());
  const auto all = setting.group(backwards);
  EXPECT_EQ(all->rank(), setting.size() - 1 - setting.rank());
  std::vector<int> halves[2];
  for (int rank = 0; rank < setting.size(); ++rank) halves[rank % 2].push_back(rank);
  const auto half = setting.group(halves[setting.rank() % 2]);
  std::thread beside([&] {
    for (const Case& c : kCases) expect_right(*half, c, int32, 10'000);
  });
  for (const Case& c : kCases) expect_right(*all, c, int32, 10'000);
  beside.join();
}

// Nested, backwards, and used by turns.
void splits() {
  const Group world = init(true, "mpi");
  const Group half = world.split(world.rank() % 2, -world.rank() - 2);
  const Group quarter = half.split(half.rank() / 2);
  for (const Group& group : {world, half, quarter}) {
    for (const Case& c : kCases) expect_right(*group.raw_group(), c, float32, 1000);
  }
  EXPECT_EQ(half.size(), (world.size() + 1 - world.rank() % 2) / 2);
}

// To the right and from the left, all at the same time, in graphs.
void messages() {
  const Group world = init(true, "mpi");
  const int size = world.size(), right = (world.rank() + 1) % size;
  const int left = (world.rank() + size - 1) % size;
  for (const int n : {1, 5000, 2'000'000}) {
    const array mine = arange(n, int32) + array(world.rank());
    const auto got = send_recv({Parcel::send(mine, right, 1), Parcel::send(-mine, right, 2),
                                Parcel::recv_like(mine, left, 2), Parcel::recv_like(mine, left, 1)},
                               world);
    const array theirs = arange(n, int32) + array(left);
    EXPECT_TRUE(array_equal(got[2], -theirs).item<bool>()) << n;
    EXPECT_TRUE(array_equal(got[3], theirs).item<bool>()) << n;
  }
}

template <typename E>
void expect_failure(GroupImpl& group, const Collective& collective, const char* text) {
  try {
    group.run(collective);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const E& error) {
    EXPECT_NE(std::strstr(error.what(), text), nullptr) << error.what();
  }
}

// After a failure the group throws; another one works.
void mismatch() {
  Setting setting;
  const auto group = setting.group(setting.everyone());
  std::vector<std::byte> in(64), out(64 * static_cast<size_t>(setting.size()));
  const Collective sum{Operation::all_reduce,   Reduction::sum, float32, -1, in,
                       std::span(out).first(64)};
  const Collective gather{Operation::all_gather, Reduction::none, float32, -1, in, out};
  expect_failure<DesyncError>(*group, setting.rank() == 0 ? sum : gather, "all_sum");
  expect_failure<DesyncError>(*group, sum, "all_gather");
  expect_right(*setting.group(setting.everyone()), kCases[0], float32, 1000);
}

// Rank 0 waits for the others in a receive of its memory, which is kept.
void late() {
  struct Keep final : Keeper {
    std::shared_ptr<std::vector<std::byte>> memory = std::make_shared<std::vector<std::byte>>();
    std::shared_ptr<void> keep() const override { return memory; }
  };
  Setting setting;
  const auto group = setting.group(setting.everyone(), "", Milliseconds{300});
  expect_right(*group, kCases[0], float32, 10);
  Keep keeper;
  keeper.memory->resize(1 << 20);
  const std::weak_ptr<std::vector<std::byte>> memory = keeper.memory;
  Collective c{Operation::broadcast, Reduction::none, uint8, 1, *keeper.memory, *keeper.memory};
  c.keeper = &keeper;
  if (setting.rank() == 0) {
    expect_failure<TimeoutError>(*group, c, "has waited for rank 1");
    keeper.memory.reset();
    EXPECT_FALSE(memory.expired());
  } else {
    std::this_thread::sleep_for(Milliseconds{600});
    EXPECT_THROW(group->run(c), DistributedError);
  }
  expect_right(*setting.group(setting.everyone()), kCases[0], float32, 1000);
}

// Rank 0 needs hardly any processor time while it waits a second for the others.
void idle() {
  const auto group = init(true, "mpi").raw_group();
  group->run(Collective{});
  if (group->rank() != 0) std::this_thread::sleep_for(Milliseconds{1000});
  rusage before{}, after{};
  getrusage(RUSAGE_THREAD, &before);
  group->run(Collective{});
  getrusage(RUSAGE_THREAD, &after);
  const auto microseconds = [](const timeval& t) { return t.tv_sec * 1'000'000 + t.tv_usec; };
  const auto used = microseconds(after.ru_utime) + microseconds(after.ru_stime) -
                    microseconds(before.ru_utime) - microseconds(before.ru_stime);
  EXPECT_LT(used, 50'000);
  if (group->rank() == 0) std::printf("%ld us of the processor in a second\n", used);
}

void die() {
  const auto group = init(true, "mpi").raw_group();
  group->run(Collective{});
  if (group->rank() == 1) raise(SIGKILL);
  while (true) group->run(Collective{});
}

struct Body {
  const char* name;
  void (*run)();
};
constexpr Body kBodies[] = {{"every_operation", every_operation},
                            {"every_algorithm", every_algorithm},
                            {"sub_groups", sub_groups},
                            {"splits", splits},
                            {"messages", messages},
                            {"mismatch", mismatch},
                            {"late", late},
                            {"idle", idle},
                            {"die", die}};

}  // namespace

int run_mpi_body() {
  const char* name = std::getenv("MLX_TEST_BODY");
  if (!name) return -1;
  for (const Body& body : kBodies) {
    if (std::strcmp(name, body.name) != 0) continue;
    try {
      body.run();
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
    if (::testing::UnitTest::GetInstance()->ad_hoc_test_result().Failed()) return 1;
    say("all right");
    return 0;
  }
  return 99;
}

}  // namespace mlx::core::distributed::testing
