// A job over several hosts: it works, and a host or a path between two that
// goes away is noticed within the heartbeat limit.

#include "distributed/hosts/hosts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "distributed/processes.h"

namespace mlx::core::distributed {
namespace {

using ::testing::HasSubstr;
using testing::Hosts;
using testing::kPatience;
using testing::Processes;
using testing::Variables;

constexpr Milliseconds kHeartbeat{1000};
constexpr int kExitCodeOfSkipped = 77;

// Rank r runs on host r / ranks_per_host; the test serves the rendezvous at the bridge.
Processes::Options on_hosts(const Hosts& hosts, int count, int ranks_per_host = 1) {
  Processes::Options options{.ranks = count * ranks_per_host, .heartbeat = kHeartbeat};
  options.address = Hosts::bridge_address();
  options.for_rank = [=](int rank, const Endpoint&) {
    return Variables{{"MLX_HOST_ID", "host " + std::to_string(rank / ranks_per_host)}};
  };
  for (int rank = 0; rank < options.ranks; ++rank) {
    options.namespaces.push_back(hosts.network(rank / ranks_per_host));
  }
  return options;
}

int64_t ms_since(Deadline start) {
  return std::chrono::duration_cast<Milliseconds>(Clock::now() - start).count();
}

void expect_success(Processes& job, int ranks) {
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  for (int rank = 0; rank < ranks; ++rank) EXPECT_EQ(job.exit_code(rank), 0) << job.transcript();
}

TEST(Hosts, RunEveryOperationTogether) {
  const Hosts hosts(3);
  Processes job("all_operations", on_hosts(hosts, 3, 2));
  expect_success(job, 6);
}

// 1 MB for each of about ten operations takes seconds then; heartbeats are on time.
TEST(Hosts, WithASlowCableAreNotLost) {
  Hosts hosts(3);
  hosts.limit_bandwidth(1, 100);
  const auto start = Clock::now();
  Processes job("all_operations", on_hosts(hosts, 3));
  expect_success(job, 3);
  EXPECT_GT(ms_since(start), 300) << "the limit does not work";
}

// In ms.
double time_of_sums(const Hosts& hosts, int cables) {
  Processes::Options options = on_hosts(hosts, 2);
  options.for_rank = [=, more = options.for_rank](int rank, const Endpoint& rendezvous) {
    std::string addresses = Hosts::address(rank);
    for (int i = 1; i < cables; ++i) addresses += "," + Hosts::address(rank, i);
    Variables variables = more(rank, rendezvous);
    variables.emplace_back("MLX_DATA_ADDRESSES", addresses);
    return variables;
  };
  Processes job("time_sums", options);
  expect_success(job, 2);
  double ms = 0;
  const auto at = job.output(0).find("took ");
  EXPECT_NE(at, std::string::npos) << job.transcript();
  if (at != std::string::npos) ms = std::stod(job.output(0).substr(at + 5));
  return ms;
}

TEST(Hosts, JoinedByTwoCablesUseBothAtOnce) {
  Hosts hosts(2);
  hosts.add_bridge();
  for (const int host : {0, 1}) hosts.limit_bandwidth(host, 100);
  const double one = time_of_sums(hosts, 1), two = time_of_sums(hosts, 2);
  std::printf("three sums of 8 MB took %.0f ms over one cable, %.0f ms over two\n", one, two);
  EXPECT_GT(one, 1000) << "the limit does not work";
  EXPECT_GT(one, 1.5 * two);
}

TEST(Hosts, ThatAreUnpluggedAreLostWithinTheHeartbeatLimit) {
  Hosts hosts(4);
  Processes job("sum_forever", on_hosts(hosts, 4));
  ASSERT_TRUE(job.wait_for_output("ready", kPatience)) << job.transcript();
  const auto start = Clock::now();
  hosts.unplug(2);
  EXPECT_TRUE(job.wait_for_output("Error", 4 * kHeartbeat, 2)) << job.transcript();
  std::printf("an unplugged host was lost after %lld ms\n",
              static_cast<long long>(ms_since(start)));
  for (const int rank : {0, 1, 3}) {
    EXPECT_THAT(job.output(rank), HasSubstr("PeerLostError peer=2")) << job.transcript();
  }
  // The one that is cut off ends too.
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
}

// Everybody still reaches the rendezvous.
TEST(Hosts, ThatNoLongerReachEachOtherAreNoticedWithinTheHeartbeatLimit) {
  Hosts hosts(3);
  Processes job("sum_forever", on_hosts(hosts, 3));
  ASSERT_TRUE(job.wait_for_output("ready", kPatience)) << job.transcript();
  const auto start = Clock::now();
  hosts.part(1, 2);
  EXPECT_TRUE(job.wait_for_output("Error", 4 * kHeartbeat)) << job.transcript();
  std::printf("a partition was noticed after %lld ms\n", static_cast<long long>(ms_since(start)));
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_THAT(job.output(rank), HasSubstr("is cut: what is sent does not arrive"));
  }
}

}  // namespace
}  // namespace mlx::core::distributed

int main(int argc, char** argv) {
  const int code = mlx::core::distributed::testing::run_body();
  if (code >= 0) return code;
  ::testing::InitGoogleTest(&argc, argv);
  const std::string missing = mlx::core::distributed::testing::Hosts::missing();
  if (!missing.empty()) {
    std::fprintf(stderr, "SKIPPED: tests of several hosts cannot run here: %s\n", missing.c_str());
    return mlx::core::distributed::kExitCodeOfSkipped;
  }
  return RUN_ALL_TESTS();
}
