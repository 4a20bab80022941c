// A job of real processes: it works, and it ends when one of them dies.

#include "distributed/processes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "mlx/distributed/bootstrap/socket.h"
#include "mlx/distributed/distributed.h"

namespace mlx::core::distributed {
namespace {

using ::testing::HasSubstr;
using testing::kPatience;
using testing::Processes;

constexpr int kFailedAsExpected = 3;

// And RDMA, where this machine has a device.
std::vector<const char*> with_rdma(std::vector<const char*> transports) {
  if (is_available("rdma")) transports.push_back("rdma");
  return transports;
}

class OverTransport : public ::testing::TestWithParam<const char*> {
 protected:
  Processes::Options options(int ranks) const {
    return {.ranks = ranks, .variables = {{"MLX_TRANSPORT", GetParam()}}};
  }
};

INSTANTIATE_TEST_SUITE_P(Transports, OverTransport,
                         ::testing::ValuesIn(with_rdma({"tcp", "shm", "auto"})),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(OverTransport, EveryOperationGivesTheRightResult) {
  for (const int ranks : {2, 3}) {
    Processes job("all_operations", options(ranks));
    ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
    for (int rank = 0; rank < ranks; ++rank) {
      EXPECT_EQ(job.exit_code(rank), 0) << job.transcript();
    }
  }
}

// Expects that every rank but the victim has failed and names it.
void expect_victim_named(const Processes& job, int ranks, int victim) {
  for (int rank = 0; rank < ranks; ++rank) {
    if (rank == victim) continue;
    EXPECT_EQ(job.exit_code(rank), kFailedAsExpected) << job.transcript();
    EXPECT_THAT(job.output(rank), HasSubstr("PeerLostError")) << job.transcript();
    EXPECT_THAT(job.output(rank), HasSubstr("Rank " + std::to_string(victim) + " is lost"))
        << job.transcript();
  }
}

TEST_P(OverTransport, AKilledRankIsNamedByAllOthersWithinASecond) {
  constexpr int kRanks = 3;
  for (const int victim : {0, 1}) {
    Processes job("sum_forever", options(kRanks));
    ASSERT_TRUE(job.wait_for_output("ready", kPatience)) << job.transcript();
    job.signal(victim, SIGKILL);
    EXPECT_TRUE(job.wait_for_output("Error", Milliseconds{1000}, victim)) << job.transcript();
    ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
    expect_victim_named(job, kRanks, victim);
  }
}

TEST_P(OverTransport, ADeathWakesRanksThatSleepInACollective) {
  Processes job("wait_for_rank_1", options(3));
  ASSERT_TRUE(job.wait_for_output("ready", kPatience)) << job.transcript();
  // Longer than anybody spins.
  EXPECT_FALSE(job.wait_for_end(Milliseconds{200}));
  job.signal(1, SIGKILL);
  EXPECT_TRUE(job.wait_for_output("Error", Milliseconds{1000}, 1)) << job.transcript();
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  expect_victim_named(job, 3, 1);
}

TEST_P(OverTransport, AStoppedRankIsLostAfterTheHeartbeatLimit) {
  Processes::Options o = options(3);
  o.heartbeat = Milliseconds{1000};
  Processes job("sum_forever", o);
  ASSERT_TRUE(job.wait_for_output("ready", kPatience)) << job.transcript();
  job.signal(2, SIGSTOP);
  EXPECT_FALSE(job.wait_for_end(Milliseconds{300}, 2)) << "too early\n" << job.transcript();
  ASSERT_TRUE(job.wait_for_end(Milliseconds{4000}, 2)) << job.transcript();
  expect_victim_named(job, 3, 2);
}

struct Stripes {
  const char* name;
  const char* per_ip;
  const char* addresses;
  size_t connections;  // of a pair
  size_t listeners;    // of a rank
};

void PrintTo(const Stripes& s, std::ostream* out) { *out << s.name; }

// TCP, several connections between each two ranks.
class Striped : public ::testing::TestWithParam<Stripes> {
 protected:
  static Processes::Options options(int ranks, const Stripes& s) {
    return {.ranks = ranks,
            .variables = {{"MLX_TRANSPORT", "tcp"},
                          {"MLX_CONNECTIONS_PER_IP", s.per_ip},
                          {"MLX_DATA_ADDRESSES", s.addresses}}};
  }
};

INSTANTIATE_TEST_SUITE_P(
    Over, Striped,
    ::testing::Values(Stripes{"TwoConnections", "2", "127.0.0.1", 2, 1},
                      Stripes{"FourConnections", "4", "*", 4, 1},
                      Stripes{"TwoAddresses", "1", "127.0.0.1,127.0.0.2", 2, 2},
                      Stripes{"NamesAndIpv6", "2", "localhost,::1,[::1]:0", 6, 3}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_P(Striped, EveryOperationGivesTheRightResult) {
  for (const int ranks : {2, 3}) {
    Processes job("all_operations", options(ranks, GetParam()));
    ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
    for (int rank = 0; rank < ranks; ++rank) EXPECT_EQ(job.exit_code(rank), 0) << job.transcript();
  }
}

size_t count_sockets(pid_t pid) {
  size_t count = 0;
  std::error_code ignored;  // it may close one meanwhile
  for (const auto& file :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    count += std::filesystem::read_symlink(file, ignored).string().starts_with("socket:");
  }
  return count;
}

TEST_P(Striped, MakesAsManyConnectionsAsItIsTold) {
  const Stripes one{"One", "1", "127.0.0.1", 1, 1};
  Processes plain("sum_forever", options(2, one)), striped("sum_forever", options(2, GetParam()));
  ASSERT_TRUE(plain.wait_for_output("ready", kPatience)) << plain.transcript();
  ASSERT_TRUE(striped.wait_for_output("ready", kPatience)) << striped.transcript();
  for (const int rank : {0, 1}) {
    EXPECT_EQ(count_sockets(striped.pid(rank)) - count_sockets(plain.pid(rank)),
              GetParam().connections - 1 + GetParam().listeners - 1);
  }
}

TEST_P(Striped, NamesAKilledRankWithinASecond) {
  Processes job("sum_forever", options(3, GetParam()));
  ASSERT_TRUE(job.wait_for_output("ready", kPatience)) << job.transcript();
  job.signal(1, SIGKILL);
  EXPECT_TRUE(job.wait_for_output("Error", Milliseconds{1000}, 1)) << job.transcript();
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  expect_victim_named(job, 3, 1);
}

// Rank 0 serves the rendezvous at its first address.
TEST(Jobs, MeetByAHostfileWithSeveralAddresses) {
  std::vector<Socket> probes;
  std::string hosts[2];
  for (std::string& host : hosts) {
    for (const char* ip : {"127.0.0.1", "127.0.0.2"}) {
      probes.push_back(listen_on({ip, 0}));
      host += (host.empty() ? "\"" : ", \"") + to_string(local_endpoint(probes.back())) + "\"";
    }
  }
  probes.clear();  // the ports are free now
  char folder[] = "/tmp/mlx-hostfile-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/hosts";
  std::ofstream(path) << "[[" << hosts[0] << "], [" << hosts[1] << "]]";
  Processes job(
      "all_operations",
      {.ranks = 2,
       .variables = {{"MLX_HOSTFILE", path}, {"MLX_RENDEZVOUS", ""}, {"MLX_TRANSPORT", "tcp"}},
       .rank0_serves = true});
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  for (int rank = 0; rank < 2; ++rank) EXPECT_EQ(job.exit_code(rank), 0) << job.transcript();
  std::filesystem::remove_all(folder);
}

TEST(Jobs, SurviveStrangersAtTheirPort) {
  Processes job("all_operations", {.ranks = 2});
  std::vector<Socket> strangers;
  std::string reason;
  for (int i = 0; i < 100; ++i) {
    strangers.push_back(try_connect(job.rendezvous(), after(Milliseconds{1000}), reason));
    const std::string garbage(static_cast<size_t>(i), 'G');
    send_some(strangers.back().fd(), std::as_bytes(std::span(garbage)));
  }
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  EXPECT_EQ(job.exit_code(0), 0) << job.transcript();
  EXPECT_EQ(job.exit_code(1), 0) << job.transcript();
}

TEST(Jobs, RankZeroCanServeTheRendezvousAndItsDeathIsNamed) {
  Processes job("sum_forever", {.ranks = 3, .rank0_serves = true});
  ASSERT_TRUE(job.wait_for_output("ready", kPatience)) << job.transcript();
  job.signal(0, SIGKILL);
  EXPECT_TRUE(job.wait_for_output("Error", Milliseconds{1000}, 0)) << job.transcript();
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  expect_victim_named(job, 3, 0);
}

TEST(Jobs, RankZeroMayLeaveFirstThoughItServedTheRendezvous) {
  Processes job("all_operations", {.ranks = 3, .rank0_serves = true});
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  for (int rank = 0; rank < 3; ++rank) EXPECT_EQ(job.exit_code(rank), 0) << job.transcript();
}

TEST(Jobs, LeaveAFlightRecordOfTheirFailure) {
  char folder[] = "/tmp/mlx-flight-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  Processes job("sum_forever", {.ranks = 2, .variables = {{"MLX_FLIGHT_DIR", folder}}});
  ASSERT_TRUE(job.wait_for_output("ready", kPatience)) << job.transcript();
  job.signal(1, SIGKILL);
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  std::ifstream file(std::string(folder) + "/flight-0-0.json");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_THAT(text, HasSubstr("Rank 1 is lost"));
  std::filesystem::remove_all(folder);
}

TEST(Jobs, EndWithAnErrorForWhoDoesNotKnowTheSecret) {
  Processes job(
      "join",
      {.ranks = 2, .variables = {{"MLX_JOB_SECRET", "guessed"}, {"MLX_CONNECT_LIMIT", "0.5"}}});
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  for (int rank = 0; rank < 2; ++rank) {
    EXPECT_EQ(job.exit_code(rank), kFailedAsExpected) << job.transcript();
    EXPECT_THAT(job.output(rank), HasSubstr("AuthenticationError"));
  }
}

}  // namespace
}  // namespace mlx::core::distributed
