// Asking hosts: sessions, who meets whom when, and the test connections.

#include "mlx/launch/config/survey.h"

#include <gmock/gmock.h>

#include <set>

#include "hosts.h"
#include "mlx/distributed/bootstrap/socket.h"
#include "mlx/launch/config/session.h"

namespace mlx::launch::config {
namespace {

using core::distributed::after;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Lt;
using namespace test;

TEST(Session, EndsAreExplained) {
  Host host;
  host.name = "h1";
  const auto exited = [](int code) { return code << 8; };
  const struct {
    int status;
    const char* said;
    const char* expected;
  } rows[] = {
      {exited(127), "sh: not found", "mlx-distributed-config is not installed there"},
      {exited(255), "ssh: connect to host h1 port 22: Connection refused\n",
       "ssh failed: ssh: connect to host h1 port 22: Connection refused"},
      {exited(255), "me@h1: Permission denied (publickey).\n", "ssh is not let in"},
      {exited(255), "No ED25519 host key is known for h1\nHost key verification failed.\n",
       "its host key is not known"},
      {exited(255),
       "@@@@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n@@@@@@\nOffending key\n"
       "Host key verification failed.\n",
       "its host key is not the one that is known"},
      {exited(255), "", "ssh failed without a word"},
      {exited(3), "cannot\n", "the probe ended with code 3: cannot"},
      {9, "", "the probe was killed by signal 9"},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(explain_end(host, row.status, row.said), HasSubstr(row.expected));
  }
}

TEST(Session, HereNeedsNoSsh) {
  Host host;
  host.name = "localhost";
  EXPECT_THAT(session_command(host, {}, "/opt/mlx-distributed-config"),
              ElementsAre("/opt/mlx-distributed-config", "--probe"));
  host.name = "h1";
  EXPECT_EQ(session_command(host, {}, "/opt/mlx-distributed-config")[0], "ssh");
}

TEST(Survey, RoundsHaveEachPairOnceAndEachHostOncePerRound) {
  for (int n = 0; n <= 9; ++n) {
    std::set<std::pair<int, int>> seen;
    for (const auto& round : rounds_of_pairs(n)) {
      std::set<int> busy;
      for (const auto& [a, b] : round) {
        EXPECT_THAT(a, AllOf(Lt(b), testing::Ge(0)));
        EXPECT_LT(b, n);
        EXPECT_TRUE(seen.emplace(a, b).second);
        EXPECT_TRUE(busy.insert(a).second && busy.insert(b).second);
      }
    }
    EXPECT_EQ(seen.size(), static_cast<size_t>(n * (n - 1) / 2));
  }
}

TEST(Survey, AddressesOfOneSubnetAreNear) {
  Survey s = hosts(2);
  add_interface(s, 0, "eth1", "ethernet", "10.1.0.0");
  add_interface(s, 1, "eth1", "ethernet", "fd00::1");
  using Pair = std::pair<std::string, std::string>;
  EXPECT_THAT(address_pairs(s.hosts[0], s.hosts[1], true),
              ElementsAre(Pair("10.0.0.0", "10.0.0.1")));
  EXPECT_THAT(address_pairs(s.hosts[0], s.hosts[1], false),
              ElementsAre(Pair("10.1.0.0", "10.0.0.1")));
  s.hosts[0].host.ips = {"10.1.0.0"};
  s.hosts[1].host.ips = {"10.0.0.1"};
  EXPECT_EQ(address_pairs(s.hosts[0], s.hosts[1], true).size(), 2u);
}

class Traffic : public testing::Test {
 protected:
  Traffic() : server_(std::make_unique<TrafficServer>(secret_, 1)) {
    port_ = server_->listen(0, reason_);
  }
  Target target() const { return {1, "127.0.0.1", port_, ""}; }
  Caller caller() const { return {&secret_, 0}; }

  const Secret secret_ = Secret::random();
  std::unique_ptr<TrafficServer> server_;
  std::string reason_;
  uint16_t port_ = 0;
};

TEST_F(Traffic, MeasuresBothDirections) {
  const Measurement m = measure(caller(), target(), milliseconds(40));
  EXPECT_EQ(m.reach.outcome, Outcome::ok) << m.reach.detail;
  EXPECT_GT(m.round_trip, 0);
  EXPECT_LT(m.round_trip, 1);
  EXPECT_GT(m.forth, 1e6);
  EXPECT_GT(m.back, 1e6);
}

TEST_F(Traffic, TellsWhyItDoesNotReach) {
  EXPECT_EQ(reach(caller(), target(), after(milliseconds(5000))).outcome, Outcome::ok);
  Target closed = target();
  {
    const auto other = core::distributed::listen_on({"127.0.0.1", 0});
    closed.port = core::distributed::local_endpoint(other).port;
    // It takes the connection and says nothing.
    EXPECT_EQ(reach(caller(), closed, after(milliseconds(100))).outcome, Outcome::stranger);
  }
  EXPECT_EQ(reach(caller(), closed, after(milliseconds(5000))).outcome, Outcome::refused);
  Target foreign = target();
  foreign.from = "192.0.2.77";  // not ours
  EXPECT_EQ(reach(caller(), foreign, after(milliseconds(5000))).outcome, Outcome::unreachable);
}

TEST_F(Traffic, AnotherHostOrAnotherSecretIsAStranger) {
  Target other = target();
  other.host = 2;
  EXPECT_EQ(reach(caller(), other, after(milliseconds(5000))).outcome, Outcome::stranger);
  const Secret wrong = Secret::random();
  EXPECT_EQ(reach({&wrong, 0}, target(), after(milliseconds(5000))).outcome, Outcome::stranger);
}

TEST_F(Traffic, APortIsTakenOnce) {
  TrafficServer second(secret_, 2);
  EXPECT_EQ(second.listen(port_, reason_), 0);
  EXPECT_THAT(reason_, HasSubstr("in use"));
}

TEST_F(Traffic, EndsWhileSomebodyIsConnected) {
  std::string reason;
  const auto silent =
      core::distributed::try_connect({"127.0.0.1", port_}, after(milliseconds(5000)), reason);
  ASSERT_TRUE(silent) << reason;
  EXPECT_EQ(reach(caller(), target(), after(milliseconds(5000))).outcome, Outcome::ok);
  const auto start = std::chrono::steady_clock::now();
  server_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  EXPECT_EQ(reach(caller(), target(), after(milliseconds(5000))).outcome, Outcome::refused);
}

}  // namespace
}  // namespace mlx::launch::config
