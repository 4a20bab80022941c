// The nccl backend over a stand-in for the library: results, and the calls.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <thread>

#include "distributed/conformance.h"
#include "distributed/nccl/fake_nccl.h"
#include "distributed/ranks.h"
#include "error_of.h"
#include "mlx/distributed/bootstrap/job.h"
#include "mlx/distributed/distributed.h"
#include "mlx/distributed/transports/nccl/communicator.h"
#include "mlx/distributed/transports/nccl/nccl_fabric.h"
#include "mlx/distributed/transports/network.h"
#include "mlx/distributed/world.h"

namespace mlx::core::distributed {
namespace {

using namespace testing;  // NOLINT: the helpers of this folder
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

using Libraries = std::function<const nccl::Libraries&(int rank)>;

// Runs it on all ranks, each with its group.
void on_ranks(
    int ranks, const std::function<void(detail::GroupImpl&)>& body,
    const Libraries& libraries = [](int) -> const auto& { return fake_nccl(); }) {
  const Secret secret = Secret::random();
  const RendezvousServer server({{"127.0.0.1", 0}, secret, 0, ranks});
  on_threads(ranks, [&](int rank) {
    Environment environment = environment_of(rank, ranks, server.address(), secret);
    auto job = std::make_shared<Job>(environment);
    std::shared_ptr<Fabric> links = make_link_fabric(job, LinkChoice::mixed);
    auto fabric = nccl::make_nccl_fabric(job, links, libraries(rank));
    body(*std::make_shared<World>(std::move(job), std::move(fabric), 3)->everyone());
  });
}

bool supported(const Case& c, Dtype dtype) {
  if (c.reduction == Reduction::none) return true;
  if (dtype == int16 || dtype == uint16) return false;
  return dtype != complex64 || c.reduction == Reduction::sum;
}

class OverNccl : public ::testing::TestWithParam<int> {};

TEST_P(OverNccl, EveryOperationIsRight) {
  reset_fake_nccl();
  on_ranks(GetParam(), [&](detail::GroupImpl& group) {
    for (Case c : kCases) {
      expect_right(group, c, int16, 1000);  // in the memory of the host
      c.on_gpu = true;
      for (const Dtype dtype : kAllDtypes) {
        if (!supported(c, dtype)) continue;
        for (const size_t count : {0, 1, 7, 1000}) {
          expect_right(group, c, dtype, count, group.size() - 1);
        }
      }
    }
    group.run(Collective{});
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, OverNccl, ::testing::Values(1, 2, 3, 5));

struct Expected {
  Case c;
  std::vector<std::string> calls;  // of rank 0 of two, whose parts are 4 float32
};

TEST(Nccl, MakesOneGroupOfCallsForEachCollective) {
  const std::string bytes = " of type 1, op 0";
  const Expected rows[] = {
      {{"", Operation::all_reduce, Reduction::max}, {"AllReduce 4 of type 7, op 2"}},
      {{"", Operation::reduce, Reduction::sum}, {"Reduce 4 of type 7, op 0, peer 0"}},
      {{"", Operation::reduce_scatter, Reduction::prod}, {"ReduceScatter 4 of type 7, op 1"}},
      {{"", Operation::all_gather}, {"AllGather 16" + bytes}},
      {{"", Operation::broadcast}, {"Broadcast 16" + bytes + ", peer 0"}},
      {{"", Operation::gather},
       {"Send 16" + bytes + ", peer 0", "Recv 16" + bytes + ", peer 0",
        "Recv 16" + bytes + ", peer 1"}},
      {{"", Operation::scatter},
       {"Send 16" + bytes + ", peer 0", "Send 16" + bytes + ", peer 1",
        "Recv 16" + bytes + ", peer 0"}},
      {{"", Operation::all_to_all},
       {"Send 16" + bytes + ", peer 0", "Recv 16" + bytes + ", peer 0",
        "Send 16" + bytes + ", peer 1", "Recv 16" + bytes + ", peer 1"}},
  };
  for (Expected row : rows) {
    row.c.on_gpu = true;
    reset_fake_nccl();
    on_ranks(2, [&](detail::GroupImpl& group) { expect_right(group, row.c, float32, 4); });
    std::vector<std::string> expected{"CommInit 2, does not block"};
    expected.insert(expected.end(), row.calls.begin(), row.calls.end());
    expected.push_back("group of " + std::to_string(row.calls.size()));
    expected.push_back("CommFinalize");
    expected.push_back("CommDestroy");
    EXPECT_EQ(nccl_calls(0), expected);
  }
}

void expect_all_right(detail::GroupImpl& group) {
  for (Case c : kCases) {
    c.on_gpu = true;
    expect_right(group, c, float32, 1000);
  }
}

TEST(Nccl, SplitsACommunicatorByTheLibrary) {
  reset_fake_nccl();
  on_ranks(4, [](detail::GroupImpl& group) {
    const auto half = group.split(group.rank() % 2, 3 - group.rank());
    EXPECT_EQ(half->size(), 2);
    EXPECT_EQ(half->rank(), 1 - group.rank() / 2);
    expect_all_right(*half);
    expect_all_right(group);
  });
  const auto calls = nccl_calls(0);
  EXPECT_THAT(calls, Contains("CommSplit color 0, key 1, does not block"));
  EXPECT_THAT(calls, Contains(HasSubstr("CommInit")).Times(1));
}

TEST(Nccl, SplitsPartsOfPartsAndTheSameGroupAgain) {
  reset_fake_nccl();
  on_ranks(4, [](detail::GroupImpl& group) {
    const auto half = group.split(group.rank() / 2, -1);
    const auto turned = half->split(5, -half->rank() - 2);
    const auto alone = turned->split(turned->rank(), -1);
    const auto other_half = group.split(group.rank() % 2, -1);
    EXPECT_EQ(turned->rank(), 1 - half->rank());
    EXPECT_EQ(alone->size(), 1);
    for (detail::GroupImpl* each : {half.get(), turned.get(), alone.get(), other_half.get()}) {
      expect_all_right(*each);
    }
  });
  EXPECT_THAT(nccl_calls(0), Contains(HasSubstr("CommInit")).Times(1));
}

// NCCL takes -1 for "in no part" and refuses other negative colors.
TEST(Nccl, NumbersTheColorsOfASplitFromZero) {
  reset_fake_nccl();
  on_ranks(3, [](detail::GroupImpl& group) {
    const auto part = group.split(group.rank() == 1 ? 70 : -1, -1);
    EXPECT_EQ(part->size(), group.rank() == 1 ? 1 : 2);
    expect_all_right(*part);
  });
  std::vector<std::string> all;
  for (int rank = 0; rank < 3; ++rank) {
    for (const auto& call : nccl_calls(rank)) {
      if (call.starts_with("CommSplit")) all.push_back(call);
    }
  }
  EXPECT_THAT(all, UnorderedElementsAre("CommSplit color 0, key 0, does not block",
                                        "CommSplit color 0, key 1, does not block",
                                        "CommSplit color 1, key 0, does not block"));
}

TEST(Nccl, MakesNewCommunicatorsWhereALibraryCannotSplit) {
  static const nccl::Libraries old = fake_nccl_without_split();
  for (const int of_new_ones : {0, 2}) {
    reset_fake_nccl();
    on_ranks(
        3,
        [](detail::GroupImpl& group) {
          const auto part = group.split(group.rank() / 2, -1);
          EXPECT_EQ(part->size(), group.rank() / 2 == 0 ? 2 : 1);
          expect_all_right(*part);
        },
        [&](int rank) -> const auto& { return rank < of_new_ones ? fake_nccl() : old; });
    const auto calls = nccl_calls(0);
    EXPECT_THAT(calls, Contains("CommInit 3, does not block"));
    EXPECT_THAT(calls, Contains("CommInit 2, does not block"));
    EXPECT_THAT(calls, Not(Contains(HasSubstr("CommSplit"))));
  }
}

TEST(Nccl, ASplitThatFailsOnOneRankFailsOnAll) {
  FakeNccl& fake = reset_fake_nccl();
  fake.refuses_split = 1;
  on_ranks(3, [](detail::GroupImpl& group) {
    for (int i = 0; i < 2; ++i) {
      EXPECT_THAT(error_of<AbortedError>([&] { group.split(0, -1); }),
                  HasSubstr("Rank 1 gave up: [nccl] ncclCommSplit failed: remote process exited: a "
                            "cable is out"));
    }
  });
  for (int rank = 0; rank < 3; ++rank) EXPECT_EQ(nccl_calls(rank).back(), "CommAbort");
}

TEST(Nccl, MovesMessagesAtTheSameTime) {
  reset_fake_nccl();
  on_ranks(2, [](detail::GroupImpl& group) {
    const int other = 1 - group.rank();
    const std::vector<std::byte> in(100, std::byte(group.rank()));
    std::vector<std::byte> out(100, std::byte{9});
    const Transfer both[] = {
        {.operation = Operation::send, .peer = other, .tag = 5, .in = in, .on_gpu = true},
        {.operation = Operation::recv, .peer = other, .tag = 5, .out = out, .on_gpu = true}};
    group.run(both);
    EXPECT_EQ(out, std::vector<std::byte>(100, std::byte(other)));
  });
  EXPECT_THAT(nccl_calls(0), Contains("group of 2"));
}

template <typename E>
void expect_error(detail::GroupImpl& group, const Collective& c, const char* text) {
  EXPECT_THAT(error_of<E>([&] { group.run(c); }), HasSubstr(text));
}

Collective sum_over_ranks(std::vector<std::byte>& data, Dtype dtype = float32) {
  return {.operation = Operation::all_reduce,
          .reduction = Reduction::sum,
          .dtype = dtype,
          .in = data,
          .out = data,
          .on_gpu = true};
}

TEST(Nccl, RefusesByNameWhatItCannotDoAndGoesOn) {
  FakeNccl& fake = reset_fake_nccl();
  on_ranks(1, [&](detail::GroupImpl& group) {
    std::vector<std::byte> data(16);
    expect_error<std::invalid_argument>(group, sum_over_ranks(data, int16), "cannot reduce int16");
    fake.on_host = true;
    expect_error<std::invalid_argument>(group, sum_over_ranks(data), "got memory of the host");
    fake.on_host = false;
    group.run(sum_over_ranks(data));
  });
}

TEST(Nccl, AnErrorOfTheLibraryAbortsTheCommunicator) {
  FakeNccl& fake = reset_fake_nccl();
  on_ranks(2, [&](detail::GroupImpl& group) {
    std::vector<std::byte> data(16);
    group.run(sum_over_ranks(data));
    group.run(Collective{});
    fake.async_error = 6;
    expect_error<AbortedError>(group, sum_over_ranks(data),
                               "remote process exited: a cable is out");
    expect_error<AbortedError>(group, sum_over_ranks(data), "a cable is out");
  });
  EXPECT_EQ(nccl_calls(0).back(), "CommAbort");
  EXPECT_EQ(nccl_calls(1).back(), "CommAbort");
}

TEST(Nccl, ARankThatDoesOtherThingsIsNamedBeforeDataMoves) {
  reset_fake_nccl();
  on_ranks(2, [](detail::GroupImpl& group) {
    std::vector<std::byte> data(16);
    Collective c = sum_over_ranks(data);
    if (group.rank() == 1) c.reduction = Reduction::max;
    expect_error<DesyncError>(group, c, "all_max");
  });
  EXPECT_THAT(nccl_calls(0), Not(Contains(HasSubstr("AllReduce"))));
}

TEST(Nccl, AbortEndsACollectiveThatIsRunning) {
  FakeNccl& fake = reset_fake_nccl();
  const nccl::Libraries& libraries = fake_nccl();
  auto gpu = std::make_shared<nccl::Gpu>(libraries, 0);
  nccl::UniqueId id{};
  libraries.nccl.get_unique_id.address(&id);
  nccl::Communicator communicator(gpu, id, 0, 1, after(Milliseconds{20'000}));
  fake.steps = 1 << 30;
  std::vector<float> data(4);
  std::thread later([&] {
    std::this_thread::sleep_for(Milliseconds{20});
    communicator.abort();
  });
  const auto sum = [&](nccl::Comm comm, nccl::Stream stream) {
    communicator.call(libraries.nccl.all_reduce, data.data(), data.data(), data.size(),
                      nccl::Type::float32, nccl::Op::sum, comm, stream);
  };
  EXPECT_THROW(communicator.run(sum, after(Milliseconds{20'000})), AbortedError);
  later.join();
  EXPECT_EQ(nccl_calls(0).back(), "CommAbort");
  EXPECT_THROW(communicator.run(sum, after(Milliseconds{20'000})), AbortedError);
}

TEST(Nccl, DeadlinesEndWhatDoesNotComeToAnEnd) {
  FakeNccl& fake = reset_fake_nccl();
  const nccl::Libraries& libraries = fake_nccl();
  auto gpu = std::make_shared<nccl::Gpu>(libraries, 0);
  nccl::UniqueId id{};
  libraries.nccl.get_unique_id.address(&id);
  fake.init_hangs = true;
  EXPECT_THROW(nccl::Communicator(gpu, id, 0, 2, after(Milliseconds{20})), TimeoutError);
  EXPECT_THAT(nccl_calls(0), ElementsAre("CommInit 2, does not block", "CommAbort"));
}

TEST(Nccl, DeadlinesAndAbortsEndASplit) {
  const nccl::Libraries& libraries = fake_nccl();
  for (const bool aborted : {false, true}) {
    FakeNccl& fake = reset_fake_nccl();
    auto gpu = std::make_shared<nccl::Gpu>(libraries, 0);
    nccl::UniqueId id{};
    libraries.nccl.get_unique_id.address(&id);
    nccl::Communicator communicator(gpu, id, 0, 1, after(Milliseconds{20'000}));
    fake.split_hangs = true;
    if (aborted) {
      communicator.abort();
      EXPECT_THROW(communicator.split(0, 0, after(Milliseconds{20'000})), AbortedError);
    } else {
      EXPECT_THROW(communicator.split(0, 0, after(Milliseconds{20})), TimeoutError);
    }
    EXPECT_EQ(nccl_calls(0).back(), "CommAbort");
    EXPECT_THROW(communicator.split(0, 0, after(Milliseconds{20'000})), AbortedError);
  }
}

TEST(Nccl, SaysWhyLibrariesCannotBeUsed) {
  nccl::Libraries l = fake_nccl();
  EXPECT_EQ(nccl::obstacle(l), "");
  l.nccl.get_version.address = [](int* version) { return *version = 21304, 0; };
  EXPECT_EQ(nccl::obstacle(l), "NCCL is too old: got 2.13, expected 2.14 or later.");
  l.cuda.device_get_count.address = [](int* count) { return *count = 0; };
  EXPECT_EQ(nccl::obstacle(l), "There is no GPU: got 0 devices, expected 1 or more.");
  l.cuda.init.address = [](unsigned) { return 100; };
  EXPECT_EQ(nccl::obstacle(l),
            "There is no GPU: got error 100 of the CUDA driver, expected a device.");
}

TEST(Nccl, IsNotAvailableWithoutAGpuAndSaysSo) {
  std::string reason;
  if (nccl::system_libraries(&reason)) return;  // there is one: gpu_check is for that
  EXPECT_FALSE(is_available("nccl"));
  EXPECT_THAT(reason, AllOf(HasSubstr(": got "), HasSubstr(", expected ")));
  EXPECT_EQ(error_of<std::runtime_error>([] { init(true, "nccl"); }),
            "[init] The backend nccl cannot be used. " + reason);
}

}  // namespace
}  // namespace mlx::core::distributed
