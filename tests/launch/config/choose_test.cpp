#include "mlx/launch/config/choose.h"

#include <gmock/gmock.h>

#include "hosts.h"

namespace mlx::launch::config {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace test;

std::vector<std::string> names(const Choice& choice) {
  std::vector<std::string> out;
  for (const Host& h : choice.hostfile.hosts) out.push_back(h.name);
  return out;
}

TEST(Choose, EqualHostsOverTcp) {
  const Choice c = choose(joined_hosts(3), {});
  EXPECT_EQ(c.backend, "ring");
  EXPECT_TRUE(c.mesh);
  EXPECT_THAT(names(c), ElementsAre("h0", "h1", "h2"));
  EXPECT_THAT(c.hostfile.hosts[1].ips, ElementsAre("10.0.0.1"));
  EXPECT_THAT(c.hostfile.hosts[1].rdma, IsEmpty());
  EXPECT_THAT(c.troubles, IsEmpty());
  EXPECT_THAT(c.reasons, Contains(HasSubstr("stays as given")));
}

TEST(Choose, ASlowLinkIsNotInTheRing) {
  Survey s = joined_hosts(4);
  path(s, 0, 1).measurement.back = 1e8;
  const Choice c = choose(s, {});
  EXPECT_THAT(names(c), ElementsAre("h0", "h2", "h1", "h3"));
  EXPECT_THAT(c.reasons, Contains(HasSubstr("slowest link is the fastest")));
}

TEST(Choose, WhatCannotBeUsedIsLeftOut) {
  Survey s = joined_hosts(3);
  s.hosts[1].error = "no answer";
  const Choice c = choose(s, {});
  EXPECT_THAT(names(c), ElementsAre("h0", "h2"));
}

TEST(Choose, NoHostIsATrouble) {
  Survey s = hosts(1);
  s.hosts[0].error = "no answer";
  const Choice c = choose(s, {});
  EXPECT_THAT(c.troubles, ElementsAre("No host can be used."));
  EXPECT_THAT(c.hostfile.hosts, IsEmpty());
}

TEST(Choose, OneHostNeedsNoAddress) {
  const Choice c = choose(hosts(1), {});
  EXPECT_THAT(names(c), ElementsAre("h0"));
  EXPECT_THAT(c.hostfile.hosts[0].ips, IsEmpty());
  EXPECT_THAT(c.troubles, IsEmpty());
}

TEST(Choose, TheFasterOfTwoNetworksOrBothWhenTheyAreAlike) {
  for (const double second : {9e9, 1e9}) {
    Survey s = joined_hosts(2);
    for (int i = 0; i < 2; ++i) {
      add_interface(s, i, "eth1", "ethernet", "10.0.1." + std::to_string(i));
    }
    add_path(s, 0, 1, second, "10.0.1.");
    const Choice c = choose(s, {});
    if (second == 9e9) {
      EXPECT_THAT(c.hostfile.hosts[0].ips, ElementsAre("10.0.0.0", "10.0.1.0"));
      EXPECT_THAT(c.reasons, Contains(HasSubstr("2 addresses at once")));
    } else {
      EXPECT_THAT(c.hostfile.hosts[0].ips, ElementsAre("10.0.0.0"));
    }
  }
}

TEST(Choose, OfOneCableIpv4IsTakenWhateverWasMeasured) {
  Survey s = joined_hosts(2, 5e9);
  for (int i = 0; i < 2; ++i) {
    facts(s, i).interfaces[0].addresses.push_back({"fd00::" + std::to_string(i), 64});
  }
  add_path(s, 0, 1, 9e9, "fd00::");
  EXPECT_THAT(choose(s, {}).hostfile.hosts[0].ips, ElementsAre("10.0.0.0"));
}

TEST(Choose, AnAddressThatNotAllReachIsATrouble) {
  Survey s = joined_hosts(3);
  path(s, 0, 2).reach.outcome = Outcome::timeout;
  const Choice c = choose(s, {});
  EXPECT_FALSE(c.mesh);
  EXPECT_THAT(c.troubles, ElementsAre(HasSubstr("h0 has no address"), HasSubstr("h2 has no")));
}

TEST(Choose, UnmeasuredLinksAreAllTheSame) {
  const Choice c = choose(joined_hosts(4, 0), {});
  EXPECT_THAT(names(c), ElementsAre("h0", "h1", "h2", "h3"));
  EXPECT_TRUE(c.mesh);
}

TEST(Choose, EthernetAndThunderboltAreTakenByTheirName) {
  Survey s = joined_hosts(2);
  for (int i = 0; i < 2; ++i) {
    add_interface(s, i, "thunderbolt0", "thunderbolt", "10.9.0." + std::to_string(i));
  }
  add_path(s, 0, 1, 20e9, "10.9.0.");
  Wishes wishes;
  wishes.over = Over::thunderbolt;
  EXPECT_THAT(choose(s, wishes).hostfile.hosts[0].ips, ElementsAre("10.9.0.0"));
  wishes.over = Over::ethernet;
  EXPECT_THAT(choose(s, wishes).hostfile.hosts[0].ips, ElementsAre("10.0.0.0"));
}

TEST(Choose, SaysThatThereIsNoThunderbolt) {
  Wishes wishes;
  wishes.over = Over::thunderbolt;
  const Choice c = choose(joined_hosts(2), wishes);
  EXPECT_THAT(c.troubles, ElementsAre(HasSubstr("h0 has no network interface over Thunderbolt"),
                                      HasSubstr("h1 has no network interface over Thunderbolt")));
  EXPECT_THAT(c.hostfile.hosts, IsEmpty());
}

TEST(Choose, RdmaThatJoinsAllPairsIsAMesh) {
  Survey s = joined_hosts(3);
  for (int i = 0; i < 3; ++i) add_roce(s, i, "mlx5_0", "10.0.0." + std::to_string(i));
  const Choice c = choose(s, {});
  EXPECT_EQ(c.backend, "rdma");
  EXPECT_EQ(c.over, Over::rdma);
  EXPECT_TRUE(c.mesh);
  using Cell = std::vector<std::string>;
  EXPECT_THAT(c.hostfile.hosts[1].rdma, ElementsAre(Cell{"mlx5_0"}, Cell{}, Cell{"mlx5_0"}));
  EXPECT_THAT(c.hostfile.hosts[1].ips, ElementsAre("10.0.0.1"));
}

TEST(Choose, RdmaRowsCountRanks) {
  Survey s = joined_hosts(2);
  for (int i = 0; i < 2; ++i) add_roce(s, i, "mlx5_0", "10.0.0." + std::to_string(i));
  s.hosts[1].host.slots = 2;
  const Choice c = choose(s, {});
  EXPECT_EQ(c.hostfile.hosts[0].rdma.size(), 3u);
}

TEST(Choose, RdmaThatJoinsNeighboursIsARing) {
  // Each pair of neighbours has a cable of its own: 0-2, 2-1, 1-3, 3-0.
  Survey s = joined_hosts(4);
  const int ring[] = {0, 2, 1, 3};
  for (int i = 0; i < 4; ++i) {
    const int a = std::min(ring[i], ring[(i + 1) % 4]), b = std::max(ring[i], ring[(i + 1) % 4]);
    const std::string network = "10.1." + std::to_string(i) + ".";
    const std::string device = "cable" + std::to_string(i);
    for (const int host : {a, b}) {
      add_interface(s, host, device, "ethernet", network + std::to_string(host));
      add_roce(s, host, device, network + std::to_string(host));
    }
    add_path(s, a, b, 50e9, network);
  }
  const Choice c = choose(s, {});
  EXPECT_EQ(c.backend, "rdma");
  EXPECT_FALSE(c.mesh);
  EXPECT_THAT(names(c), ElementsAre("h0", "h2", "h1", "h3"));
  using Cell = std::vector<std::string>;
  EXPECT_THAT(c.hostfile.hosts[0].rdma,
              ElementsAre(Cell{}, Cell{"cable0"}, Cell{}, Cell{"cable3"}));
  // The cables do not lead everywhere; what all reach is the common network.
  EXPECT_THAT(c.hostfile.hosts[0].ips, ElementsAre("10.0.0.0"));
}

TEST(Choose, SoftwareRdmaIsTakenOnlyWhenAskedFor) {
  Survey s = joined_hosts(2);
  for (int i = 0; i < 2; ++i) {
    add_roce(s, i, "rxe0", "10.0.0." + std::to_string(i)).software = true;
  }
  EXPECT_EQ(choose(s, {}).backend, "ring");
  EXPECT_THAT(choose(s, {}).reasons, Contains(HasSubstr("software (Soft-RoCE)")));
  Wishes wishes;
  wishes.over = Over::rdma;
  EXPECT_EQ(choose(s, wishes).backend, "rdma");
}

TEST(Choose, SaysWhyThereIsNoRdma) {
  Survey s = joined_hosts(2);
  Wishes wishes;
  wishes.backend = "jaccl";
  facts(s, 1).rdma.library = false;
  EXPECT_THAT(choose(s, wishes).troubles, ElementsAre(HasSubstr("libibverbs is missing on h1")));
  facts(s, 1).rdma.library = true;
  EXPECT_THAT(choose(s, wishes).troubles, ElementsAre(HasSubstr("no device on h0 and h1")));
  for (int i = 0; i < 2; ++i) {
    add_roce(s, i, "mlx5_0", "10.0.0." + std::to_string(i)).ports[0].state = "down";
  }
  EXPECT_THAT(choose(s, wishes).troubles, ElementsAre(HasSubstr("not even in a ring")));
}

TEST(Choose, InfiniBandIsJoinedWithinASubnet) {
  Survey s = joined_hosts(2);
  for (int i = 0; i < 2; ++i) {
    RdmaPort& port = add_roce(s, i, "mlx5_0", "10.0.0.9").ports[0];
    port.link_layer = "InfiniBand", port.subnet = "fe80";
  }
  EXPECT_EQ(rdma_links(s).size(), 1u);
  facts(s, 1).rdma.devices[0].ports[0].subnet = "fec0";
  EXPECT_THAT(rdma_links(s), IsEmpty());
}

TEST(Choose, NcclWhereEveryHostHasWhatItNeeds) {
  Survey s = joined_hosts(2);
  for (int i = 0; i < 2; ++i) {
    facts(s, i).gpus = {{.name = "H200", .vendor = "NVIDIA", .bus = "", .driver = "nvidia"}};
    facts(s, i).programs["libnccl.so.2"] = "2.28.9";
  }
  EXPECT_EQ(choose(s, {}).backend, "nccl");
  facts(s, 1).gpus[0].driver = "";
  EXPECT_EQ(choose(s, {}).backend, "ring");
}

TEST(Choose, TheHostfileKeepsWhatTheUserSaid) {
  Survey s = joined_hosts(2);
  s.hosts[1].host.user = "me";
  s.hosts[1].host.port = 2222;
  s.hosts[1].host.slots = 4;
  Wishes wishes;
  wishes.environment = {{"A", "b"}};
  const Choice c = choose(s, wishes);
  EXPECT_EQ(c.hostfile.hosts[1].user, "me");
  EXPECT_EQ(c.hostfile.hosts[1].port, 2222);
  EXPECT_EQ(c.hostfile.hosts[1].slots, 4);
  EXPECT_EQ(c.hostfile.environment, wishes.environment);
}

}  // namespace
}  // namespace mlx::launch::config
