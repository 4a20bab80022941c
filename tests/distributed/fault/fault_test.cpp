// What a job of processes does when the network or a rank misbehaves: every
// rank learns of it within the limits, by the right error, and none hangs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <random>
#include <thread>

#include "distributed/fault/proxy.h"
#include "distributed/processes.h"

namespace mlx::core::distributed {
namespace {

using ::testing::AnyOf;
using testing::Detour;
using testing::Fault;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::Processes;
using testing::Proxy;
using testing::Variables;

constexpr int kFailedAsExpected = 3;

// A job of three in which rank 0 reaches rank 1 through a proxy, at the first of its addresses.
class Detoured {
 public:
  explicit Detoured(const std::string& body, Fault fault = {}, Milliseconds heartbeat = kPatience,
                    const char* data_addresses = "127.0.0.1")
      : job_(body, {.ranks = 3,
                    .variables = {{"MLX_TRANSPORT", "tcp"}, {"MLX_DATA_ADDRESSES", data_addresses}},
                    .heartbeat = heartbeat,
                    .for_rank = [this, fault](int rank, const Endpoint& rendezvous) {
                      return rank == 0 ? detour(rendezvous, fault) : Variables{};
                    }}) {}

  Processes& job() { return job_; }
  Proxy& link() { return detour_->link(); }

  void expect_success() {
    ASSERT_TRUE(job_.wait_for_end(kPatience)) << job_.transcript();
    for (int rank = 0; rank < 3; ++rank) EXPECT_EQ(job_.exit_code(rank), 0) << job_.transcript();
    EXPECT_GE(link().connections(), 1) << "nothing went through the proxy";
  }

  // Every rank ends, by its own decision, with one of the errors.
  void expect_failure(const std::vector<std::string>& errors_of_ends) {
    ASSERT_TRUE(job_.wait_for_end(kPatience)) << job_.transcript();
    EXPECT_GE(link().connections(), 1) << "nothing went through the proxy";
    for (int rank = 0; rank < 3; ++rank) {
      EXPECT_EQ(job_.exit_code(rank), kFailedAsExpected) << job_.transcript();
      const auto& output = job_.output(rank);
      const auto said = [&](const std::string& e) { return output.find(e) != output.npos; };
      EXPECT_TRUE(std::any_of(errors_of_ends.begin(), errors_of_ends.end(), said) ||
                  (rank == 2 && said("AbortedError")))
          << job_.transcript();
      EXPECT_FALSE(said("is wrong")) << job_.transcript();
    }
  }

 private:
  Variables detour(const Endpoint& rendezvous, const Fault& fault) {
    detour_ = std::make_unique<Detour>(rendezvous, 1);
    detour_->link().set(fault);
    return {{"MLX_RENDEZVOUS", to_string(detour_->rendezvous())}};
  }

  std::unique_ptr<Detour> detour_;
  Processes job_;
};

int64_t ms_since(Deadline start) {
  return std::chrono::duration_cast<Milliseconds>(Clock::now() - start).count();
}

void print_time(const char* what, int64_t ms) {
  std::printf("%s after %lld ms\n", what, static_cast<long long>(ms));
}

TEST(Network, MayBeSlow) {
  Detoured slow("all_operations", {.delay = Milliseconds{5}, .bytes_per_second = 100'000'000});
  slow.expect_success();
}

// A slow link is not a dead one, however short the heartbeat limit.
TEST(Network, MayBeSlowerThanTheHeartbeatLimit) {
  Detoured slow("all_operations", {.bytes_per_second = 10'000'000}, Milliseconds{300});
  slow.expect_success();
}

TEST(Network, ThatGarblesAHandshakeIsTriedAgain) {
  for (const uint64_t at : {0, 20, 40, 70}) {
    Detoured garbled("all_operations", {.corrupt_at = at});
    garbled.expect_success();
    EXPECT_GE(garbled.link().connections(), 2);
  }
}

TEST(Network, ThatGarblesAnOfferOfMemoryDoesNoHarm) {
  for (const uint64_t at : {96, 104, 108}) {
    Detoured garbled("all_operations", {.corrupt_at = at});
    garbled.expect_success();
  }
}

TEST(Network, ThatGarblesWhichConnectionItIsIsFoundOut) {
  for (const uint64_t at : {112, 116}) {
    Detoured garbled("sum_forever", {.corrupt_at = at});
    garbled.expect_failure({"PeerLostError"});
  }
}

// The first header follows greeting, proof and offer.
constexpr uint64_t kFirstHeader = 64 + 32 + 24;
constexpr uint64_t kHeaderBytes = 40;

TEST(Network, ThatGarblesAHeaderIsFoundOut) {
  for (uint64_t at = 0; at < kHeaderBytes; at += 4) {
    Detoured garbled("sum_forever", {.corrupt_at = kFirstHeader + at});
    garbled.expect_failure({"DesyncError", "PeerLostError"});
    EXPECT_THAT(garbled.job().output(1), HasSubstr("DesyncError")) << "byte " << at;
  }
}

// Its tag and size decide what becomes of it.
TEST(Network, ThatGarblesTheHeaderOfAMessageIsFoundOut) {
  for (uint64_t at = 0; at < kHeaderBytes; at += 4) {
    Detoured garbled("messages_forever", {.corrupt_at = kFirstHeader + at});
    garbled.expect_failure({"DesyncError", "PeerLostError"});
    EXPECT_THAT(garbled.job().output(1), HasSubstr("DesyncError")) << "byte " << at;
  }
}

TEST(Network, ThatEndsAConnectionAnywhereIsReported) {
  for (const uint64_t at : {0, 64, 96, 104, 112, 120, 138, 160, 163, 10'000, 1'000'003}) {
    Detoured truncated("sum_forever", {.end_after = at});
    // A connection that breaks before it was one is tried again until the limit.
    if (at < 96) {
      EXPECT_FALSE(truncated.job().wait_for_output("ready", Milliseconds{100}));
      truncated.link().set({});
      ASSERT_TRUE(truncated.job().wait_for_output("ready", kPatience));
      truncated.link().cut(true);
    }
    truncated.expect_failure({"PeerLostError"});
  }
}

class Cut : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(By, Cut, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Reset" : "Close"; });

TEST_P(Cut, ALinkThatIsCutEndsTheJobAtOnce) {
  Detoured cut("sum_forever");
  ASSERT_TRUE(cut.job().wait_for_output("ready", kPatience)) << cut.job().transcript();
  const auto start = Clock::now();
  cut.link().cut(GetParam());
  EXPECT_TRUE(cut.job().wait_for_output("Error", Milliseconds{3000})) << cut.job().transcript();
  print_time("reported everywhere", ms_since(start));
  cut.expect_failure({"PeerLostError"});
}

// The ranks live, their heartbeats go on, and no end of the connection is told.
TEST(Network, ThatSwallowsWhatIsSentIsFoundOutWithinTheHeartbeatLimit) {
  constexpr Milliseconds kHeartbeat{1000};
  Detoured cut("sum_forever", {}, kHeartbeat);
  ASSERT_TRUE(cut.job().wait_for_output("ready", kPatience)) << cut.job().transcript();
  const auto start = Clock::now();
  cut.link().set({.swallow = true});
  EXPECT_TRUE(cut.job().wait_for_output("Error", 4 * kHeartbeat)) << cut.job().transcript();
  print_time("reported everywhere", ms_since(start));
  cut.expect_failure({"PeerLostError"});
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_THAT(cut.job().output(rank), HasSubstr("is cut: what is sent does not arrive"));
  }
}

// Two connections to rank 1, of which one goes through the proxy.
constexpr const char* kTwoAddresses = "127.0.0.1,127.0.0.2";

TEST(OneOfTwoConnections, MayBeSlow) {
  Detoured slow("all_operations", {.bytes_per_second = 20'000'000}, Milliseconds{300},
                kTwoAddresses);
  slow.expect_success();
}

TEST(OneOfTwoConnections, ThatIsCutEndsTheJob) {
  Detoured cut("sum_forever", {}, kPatience, kTwoAddresses);
  ASSERT_TRUE(cut.job().wait_for_output("ready", kPatience)) << cut.job().transcript();
  cut.link().cut(true);
  EXPECT_TRUE(cut.job().wait_for_output("Error", Milliseconds{3000})) << cut.job().transcript();
  cut.expect_failure({"PeerLostError"});
}

TEST(OneOfTwoConnections, ThatSwallowsWhatIsSentIsFoundOutWithinTheHeartbeatLimit) {
  constexpr Milliseconds kHeartbeat{1000};
  Detoured cut("sum_forever", {}, kHeartbeat, kTwoAddresses);
  ASSERT_TRUE(cut.job().wait_for_output("ready", kPatience)) << cut.job().transcript();
  cut.link().set({.swallow = true});
  EXPECT_TRUE(cut.job().wait_for_output("Error", 4 * kHeartbeat)) << cut.job().transcript();
  cut.expect_failure({"PeerLostError"});
}

TEST(Rendezvous, ThatARankCannotReachAnyMoreCostsThatRank) {
  constexpr Milliseconds kHeartbeat{1000};
  std::unique_ptr<Proxy> proxy;
  Processes job(
      "sum_forever",
      {.ranks = 3, .heartbeat = kHeartbeat, .for_rank = [&](int rank, const Endpoint& to) {
         if (rank != 1) return Variables{};
         proxy = std::make_unique<Proxy>(to);
         return Variables{{"MLX_RENDEZVOUS", to_string(proxy->address())}};
       }});
  ASSERT_TRUE(job.wait_for_output("ready", kPatience)) << job.transcript();
  proxy->set({.swallow = true});
  EXPECT_TRUE(job.wait_for_output("Error", 4 * kHeartbeat)) << job.transcript();
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  for (const int rank : {0, 2}) {
    EXPECT_THAT(job.output(rank), HasSubstr("Rank 1 is lost")) << job.transcript();
  }
  EXPECT_THAT(job.output(1), AnyOf(HasSubstr("The launcher is gone"), HasSubstr("is lost")));
}

class Death : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Transports, Death, ::testing::Values("tcp", "auto"),
                         [](const auto& info) { return std::string(info.param); });

// At random moments in a stream of everything.
TEST_P(Death, OfARankIsReportedByAllOthersAndPoisonsTheGroup) {
  constexpr int kRanks = 4;
  std::mt19937 random(42);
  int64_t slowest = 0;
  for (int round = 0; round < 5; ++round) {
    const int victim = static_cast<int>(random() % kRanks);
    Processes job("mixed_forever", {.ranks = kRanks,
                                    .variables = {{"MLX_TRANSPORT", GetParam()},
                                                  {"MLX_TEST_SEED", std::to_string(round)}}});
    ASSERT_TRUE(job.wait_for_output("ready", kPatience)) << job.transcript();
    std::this_thread::sleep_for(Milliseconds{random() % 50});
    const auto start = Clock::now();
    job.signal(victim, SIGKILL);
    EXPECT_TRUE(job.wait_for_output("Error", Milliseconds{3000}, victim)) << job.transcript();
    slowest = std::max(slowest, ms_since(start));
    ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
    for (int rank = 0; rank < kRanks; ++rank) {
      if (rank == victim) continue;
      EXPECT_EQ(job.exit_code(rank), kFailedAsExpected) << job.transcript();
      EXPECT_THAT(job.output(rank), HasSubstr("PeerLostError peer=" + std::to_string(victim)));
      EXPECT_THAT(job.output(rank), HasSubstr("Rank " + std::to_string(victim) + " is lost"));
      EXPECT_THAT(job.output(rank), HasSubstr("again after")) << job.transcript();
      EXPECT_EQ(job.output(rank).find("is wrong"), std::string::npos) << job.transcript();
    }
  }
  print_time("the slowest of five was reported everywhere", slowest);
}

TEST(Death, OfARankIsNoticedAfterRankZeroHasLeftThoughItServed) {
  Processes job("without_rank_0",
                {.ranks = 3, .rank0_serves = true, .heartbeat = Milliseconds{1000}});
  ASSERT_TRUE(job.wait_for_output("ready", kPatience, 0)) << job.transcript();
  job.signal(1, SIGSTOP);
  EXPECT_TRUE(job.wait_for_end(Milliseconds{6000}, 1)) << job.transcript();
  EXPECT_THAT(job.output(2), HasSubstr("Rank 1 is lost")) << job.transcript();
}

TEST(Waiting, TakesNoProcessorTime) {
  for (const char* transport : {"tcp", "shm"}) {
    Processes job("wait_idly", {.ranks = 3, .variables = {{"MLX_TRANSPORT", transport}}});
    ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
    for (int rank = 0; rank < 3; ++rank) EXPECT_EQ(job.exit_code(rank), 0) << job.transcript();
  }
}

TEST(Resources, MemoryToShareMayBeMissing) {
  Processes job("without_shared_memory", {.ranks = 2});
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  for (int rank = 0; rank < 2; ++rank) EXPECT_EQ(job.exit_code(rank), 0) << job.transcript();
  EXPECT_THAT(job.output(0), HasSubstr("reached over TCP"));
}

TEST(Resources, LackOfDescriptorsIsAnErrorOnBothSides) {
  for (const int victim : {0, 1}) {
    char folder[] = "/tmp/mlx-descriptors-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    Processes job("without_descriptors",
                  {.ranks = 2,
                   .variables = {{"MLX_TEST_VICTIM", std::to_string(victim)},
                                 {"MLX_TEST_SIGN", std::string(folder) + "/limited"},
                                 {"MLX_CONNECT_LIMIT", "1"}}});
    ASSERT_TRUE(job.wait_for_end(Milliseconds{20'000})) << job.transcript();
    for (int rank = 0; rank < 2; ++rank) {
      EXPECT_EQ(job.exit_code(rank), kFailedAsExpected) << job.transcript();
    }
    EXPECT_THAT(job.output(victim),
                HasSubstr(victim == 0 ? "Too many open files" : "out of file descriptors"))
        << job.transcript();
    std::filesystem::remove_all(folder);
  }
}

TEST(Meeting, NamesWhoIsMissing) {
  Processes job("join", {.ranks = 3,
                         .variables = {{"MLX_CONNECT_LIMIT", "0.5"}},
                         .for_rank = [](int rank, const Endpoint&) {
                           return rank == 1 ? Variables{{"MLX_TEST_BODY", "absent"}} : Variables{};
                         }});
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  for (const int rank : {0, 2}) {
    EXPECT_THAT(job.output(rank), HasSubstr("TimeoutError peer=1")) << job.transcript();
    EXPECT_THAT(job.output(rank), HasSubstr("Rank 1 of 3 has not come")) << job.transcript();
  }
}

TEST(Meeting, WorksByNameAndOverIPv6) {
  for (const char* host : {"localhost", "::1"}) {
    Processes job("all_operations",
                  {.ranks = 2, .rank0_serves = true, .for_rank = [&](int, const Endpoint& e) {
                     return Variables{{"MLX_TRANSPORT", "tcp"},
                                      {"MLX_RENDEZVOUS", to_string(Endpoint{host, e.port})}};
                   }});
    ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
    for (int rank = 0; rank < 2; ++rank) EXPECT_EQ(job.exit_code(rank), 0) << job.transcript();
  }
}

TEST(Meeting, OfTwoJobsAtOnePortIsRefusedToTheSecond) {
  Processes first("wait_idly", {.ranks = 2, .rank0_serves = true});
  ASSERT_TRUE(first.wait_for_output("", kPatience));
  std::string reason;
  const Deadline soon = after(Milliseconds{5000});
  while (!try_connect(first.rendezvous(), soon, reason) && Clock::now() < soon) {
  }
  Processes second("join", {.ranks = 2,
                            .variables = {{"MLX_CONNECT_LIMIT", "0.5"}},
                            .rank0_serves = true,
                            .for_rank = [&](int, const Endpoint&) {
                              return Variables{{"MLX_RENDEZVOUS", to_string(first.rendezvous())}};
                            }});
  ASSERT_TRUE(second.wait_for_end(kPatience)) << second.transcript();
  EXPECT_THAT(second.output(0), HasSubstr("Address already in use")) << second.transcript();
  EXPECT_THAT(second.output(1), HasSubstr("AuthenticationError")) << second.transcript();
  ASSERT_TRUE(first.wait_for_end(kPatience)) << first.transcript();
  for (int rank = 0; rank < 2; ++rank) EXPECT_EQ(first.exit_code(rank), 0) << first.transcript();
}

size_t count(const std::string& text, const std::string& word) {
  size_t n = 0;
  for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++n;
  return n;
}

size_t descriptors_of(pid_t pid) {
  const std::filesystem::directory_iterator folder("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<size_t>(std::distance(begin(folder), end(folder)));
}

// A thousand strangers hold their connections while the job forms: silent ones,
// some with garbage, some with the first half of a handshake, some that hang up.
TEST(Meeting, IsNotDisturbedByAThousandStrangers) {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  Processes job("wait_idly", {.ranks = 3, .rank0_serves = true, .for_rank = [](int rank, auto&) {
                                return rank == 2 ? Variables{{"MLX_TEST_LATE", "1"}} : Variables{};
                              }});
  const std::string half("MLXC\1\0\0\0", 8);
  std::vector<Socket> strangers;
  std::string reason;
  const Deadline soon = after(Milliseconds{20'000});
  while (strangers.size() < 1000 && Clock::now() < soon) {
    Socket s = try_connect(job.rendezvous(), soon, reason);
    if (!s) continue;
    const std::string text = strangers.size() % 3 == 0   ? half
                             : strangers.size() % 3 == 1 ? std::string(70, 'G')
                                                         : std::string();
    send_some(s.fd(), std::as_bytes(std::span(text)));
    if (strangers.size() % 10 == 9) s.close();
    strangers.push_back(std::move(s));
  }
  ASSERT_EQ(strangers.size(), 1000u) << reason;
  ASSERT_TRUE(job.wait_for_output("joined", kPatience)) << job.transcript();
  EXPECT_LT(descriptors_of(job.pid(0)), 400u);
  ASSERT_TRUE(job.wait_for_end(kPatience)) << job.transcript();
  for (int rank = 0; rank < 3; ++rank) EXPECT_EQ(job.exit_code(rank), 0) << job.transcript();
  EXPECT_GE(count(job.output(0), "Dropped a connection"), 1u);
  EXPECT_LE(count(job.output(0), "Dropped a connection"), 40u) << "a flood in the log";
}

}  // namespace
}  // namespace mlx::core::distributed
