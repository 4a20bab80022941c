#include "mlx/launch/config/setup.h"

#include <gmock/gmock.h>

#include "hosts.h"

namespace mlx::launch::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace test;

std::vector<std::string> commands(const Survey& survey, Over over = Over::automatic) {
  Wishes wishes;
  wishes.over = over;
  std::vector<std::string> out;
  for (const SetupStep& s : setup_steps(survey, wishes)) {
    out.push_back(survey.hosts[static_cast<size_t>(s.host)].host.name + ": " + s.command);
    EXPECT_FALSE(s.reason.empty());
  }
  return out;
}

TEST(Setup, GoodHostsNeedNothing) { EXPECT_THAT(commands(joined_hosts(3)), IsEmpty()); }

TEST(Setup, SwitchesOnInterfacesWhereWaysAreMissing) {
  Survey s = joined_hosts(2);
  add_interface(s, 1, "eth1", "ethernet", "").up = false;
  EXPECT_THAT(commands(s), IsEmpty());
  path(s, 0, 1).reach.outcome = Outcome::timeout;
  EXPECT_THAT(commands(s), ElementsAre("h1: ip link set dev eth1 up"));
  EXPECT_THAT(commands(s, Over::thunderbolt), IsEmpty());
}

TEST(Setup, ThunderboltCablesGetASubnetEach) {
  Survey s = joined_hosts(3);
  const auto cable = [&](int a, int b, const std::string& name) {
    add_interface(s, a, name, "thunderbolt", "").peer = "h" + std::to_string(b);
  };
  cable(0, 1, "tb0"), cable(1, 0, "tb0"), cable(1, 2, "tb1"), cable(2, 1, "tb0");
  EXPECT_THAT(commands(s, Over::thunderbolt),
              ElementsAre("h0: ip addr add 192.168.0.1/30 dev tb0",
                          "h1: ip addr add 192.168.0.2/30 dev tb0",
                          "h1: ip addr add 192.168.1.1/30 dev tb1",
                          "h2: ip addr add 192.168.1.2/30 dev tb0"));
}

TEST(Setup, OneMtuPerNetwork) {
  Survey s = joined_hosts(3);
  for (const int host : {0, 2}) facts(s, host).interfaces[0].mtu = 9000;
  EXPECT_THAT(commands(s), ElementsAre("h1: ip link set dev eth0 mtu 9000"));
  Survey two = joined_hosts(2);
  facts(two, 0).interfaces[0].mtu = 9000;
  EXPECT_THAT(commands(two), ElementsAre("h0: ip link set dev eth0 mtu 1500"));
}

TEST(Setup, SoftRoceOnlyWhenRdmaWasAskedFor) {
  Survey s = joined_hosts(2);
  add_roce(s, 0, "mlx5_0", "10.0.0.0");
  EXPECT_THAT(commands(s), IsEmpty());
  EXPECT_THAT(commands(s, Over::rdma),
              ElementsAre("h1: modprobe rdma_rxe && rdma link add rxe_eth0 type rxe netdev eth0"));
}

TEST(Setup, OpensPortsForThosePeersOnly) {
  Survey s = joined_hosts(2);
  s.port_tests = {{0, 1, "10.0.0.1", 32000, {Outcome::timeout, ""}}, {1, 0, "10.0.0.0", 32000, {}}};
  EXPECT_THAT(commands(s),
              ElementsAre("h1: iptables -I INPUT -p tcp -s 10.0.0.0 --dport 32000 -j ACCEPT"));
  facts(s, 1).firewall = "ufw";
  EXPECT_THAT(commands(s), ElementsAre("h1: ufw allow proto tcp from 10.0.0.0 to any port 32000"));
  facts(s, 1).firewall = "nft";
  EXPECT_THAT(commands(s), ElementsAre("h1: nft insert rule inet filter input ip saddr 10.0.0.0 "
                                       "tcp dport 32000 accept"));
  facts(s, 1).firewall = "firewalld";
  EXPECT_THAT(commands(s),
              ElementsAre("h1: firewall-cmd --add-rich-rule='rule family=\"ipv4\" source "
                          "address=\"10.0.0.0\" port port=\"32000\" protocol=\"tcp\" accept'"));
}

}  // namespace
}  // namespace mlx::launch::config
