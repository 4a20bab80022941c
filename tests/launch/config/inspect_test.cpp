// What a host says of itself, and how that travels.

#include <gmock/gmock.h>
#include <linux/if_arp.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "hosts.h"
#include "mlx/launch/config/wire.h"

namespace mlx::launch::config {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::ElementsAre;
using namespace test;

// A folder that stands for the root of a made-up host.
class FakeRoot : public testing::Test {
 protected:
  FakeRoot() {
    std::string name = (fs::temp_directory_path() / "mlx-root-XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  ~FakeRoot() override { fs::remove_all(root_); }

  void put(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }

  std::string root_;
};

TEST_F(FakeRoot, ProcessorsCountSocketsCoresAndThreads) {
  std::string text;
  for (int thread = 0; thread < 8; ++thread) {
    text += "processor\t: " + std::to_string(thread) +
            "\nmodel name\t: Big One\nphysical id\t: " + std::to_string(thread / 4) +
            "\ncore id\t\t: " + std::to_string(thread / 2 % 2) +
            "\nflags\t\t: fpu avx2 amx_tile something\n\n";
  }
  put("/proc/cpuinfo", text);
  put("/sys/devices/system/node/node0/cpulist", "0-3\n");
  put("/sys/devices/system/node/node10/cpulist", "4-7\n");
  put("/sys/devices/system/node/node2/meminfo", "Node 2 MemTotal:  2048 kB\n");
  const Processor p = inspect_processor(root_);
  EXPECT_EQ(p.model, "Big One");
  EXPECT_EQ(p.sockets, 2);
  EXPECT_EQ(p.cores, 4);
  EXPECT_EQ(p.threads, 8);
  EXPECT_THAT(p.features, ElementsAre("avx2", "amx_tile"));
  ASSERT_EQ(p.nodes.size(), 3u);
  EXPECT_EQ(p.nodes[1].number, 2);
  EXPECT_EQ(p.nodes[1].memory, 2048 * 1024);
  EXPECT_EQ(p.nodes[2].cpus, "4-7");
}

TEST_F(FakeRoot, GpusAreFoundWithAndWithoutADriver) {
  const auto device = [&](const std::string& bus, const char* kind, const char* vendor) {
    put("/sys/bus/pci/devices/" + bus + "/class", kind);
    put("/sys/bus/pci/devices/" + bus + "/vendor", vendor);
    put("/sys/bus/pci/devices/" + bus + "/device", "0x2335\n");
  };
  device("0000:01:00.0", "0x030200\n", "0x10de\n");
  device("0000:02:00.0", "0x030000\n", "0x1002\n");
  device("0000:03:00.0", "0x030000\n", "0x1a03\n");  // only draws a console
  device("0000:04:00.0", "0x020000\n", "0x10de\n");  // a network card
  fs::create_symlink("/drivers/nvidia", root_ + "/sys/bus/pci/devices/0000:01:00.0/driver");
  put("/proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: \t\t NVIDIA H200\nIRQ: 1\n");
  const auto gpus = inspect_gpus(root_);
  ASSERT_EQ(gpus.size(), 2u);
  EXPECT_EQ(gpus[0].name, "NVIDIA H200");
  EXPECT_EQ(gpus[0].driver, "nvidia");
  EXPECT_EQ(gpus[1].name, "AMD 0x2335");
  EXPECT_EQ(gpus[1].driver, "");
}

TEST_F(FakeRoot, RoutesAreReadFromTheKernelsTable) {
  put("/proc/net/route",
      "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
      "eth0\t00000000\tFE00000A\t0003\t0\t0\t100\t00000000\n"
      "eth1\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n");
  const auto routes = inspect_routes(root_);
  ASSERT_EQ(routes.size(), 2u);
  EXPECT_EQ(routes[0].destination, "default");
  EXPECT_EQ(routes[0].gateway, "10.0.0.254");
  EXPECT_EQ(routes[0].metric, 100);
  EXPECT_EQ(routes[1].destination, "192.168.1.0/24");
  EXPECT_EQ(routes[1].gateway, "");
}

TEST_F(FakeRoot, FirewallsInChargeComeFirst) {
  put("/proc/17/comm", "firewalld\n");
  EXPECT_EQ(inspect_firewall(root_), "firewalld");
  put("/etc/ufw/ufw.conf", "# ufw\nENABLED=yes\n");
  EXPECT_EQ(inspect_firewall(root_), "ufw");
}

TEST(Inspect, KindsOfInterfaces) {
  EXPECT_EQ(kind_of_interface(ARPHRD_ETHER, "mlx5_core", false), "ethernet");
  EXPECT_EQ(kind_of_interface(ARPHRD_ETHER, "thunderbolt-net", false), "thunderbolt");
  EXPECT_EQ(kind_of_interface(ARPHRD_ETHER, "iwlwifi", true), "wireless");
  EXPECT_EQ(kind_of_interface(ARPHRD_INFINIBAND, "mlx5_core", false), "infiniband");
  EXPECT_EQ(kind_of_interface(ARPHRD_NONE, "tun", false), "virtual");
}

TEST(Inspect, WaysOfThisHost) {
  EXPECT_EQ(way_to("127.0.0.1").interface, "lo");
  EXPECT_EQ(way_to("127.0.0.1").source, "127.0.0.1");
  EXPECT_EQ(way_to("nonsense").error, "not an address");
}

TEST(Inspect, ThisHostHasAProcessorAndMemory) {
  const HostFacts f = inspect();
  EXPECT_GT(f.processor.threads, 0);
  EXPECT_GT(f.memory, int64_t{1} << 20);
  EXPECT_EQ(f.programs.count("mlx-distributed-config"), 1u);
  for (const Interface& i : f.interfaces) EXPECT_NE(i.name, "lo");
}

TEST(Facts, SurviveTheirWayAsJson) {
  Survey s = hosts(1);
  add_roce(s, 0, "mlx5_0", "10.0.0.0");
  facts(s, 0).gpus = {{.name = "H200", .vendor = "NVIDIA", .bus = "1", .driver = "nvidia"}};
  facts(s, 0).routes = {{"default", "10.0.0.254", "eth0", 7}};
  facts(s, 0).processor.nodes = {{1, "0-3", 42}};
  json document;
  ASSERT_TRUE(from_line(to_line({{"facts", facts(s, 0)}}), document));
  const auto again = document["facts"].get<HostFacts>();
  EXPECT_EQ(json(again), json(facts(s, 0)));
  EXPECT_EQ(again.rdma.devices[0].ports[0].gids[0].value, "::ffff:10.0.0.0");
}

TEST(Facts, WhatAnotherVersionDoesNotTellKeepsItsDefault) {
  const auto f = json::parse(R"({"hostname": "x", "new": 1})").get<HostFacts>();
  EXPECT_EQ(f.hostname, "x");
  EXPECT_EQ(f.lockable, -1);
  EXPECT_THROW(json::parse(R"({"hostname": 1})").get<HostFacts>(), json::exception);
}

TEST(Facts, Subnets) {
  EXPECT_TRUE(same_subnet("10.0.0.1", "10.0.0.254", 24));
  EXPECT_FALSE(same_subnet("10.0.0.1", "10.0.1.1", 24));
  EXPECT_TRUE(same_subnet("10.0.0.1", "10.0.1.1", 23));
  EXPECT_FALSE(same_subnet("10.0.0.1", "10.0.0.2", 32));
  EXPECT_TRUE(same_subnet("fd00::1", "fd00::2", 64));
  EXPECT_FALSE(same_subnet("fd00::1", "fd00:0:0:1::2", 64));
  EXPECT_FALSE(same_subnet("10.0.0.1", "fd00::1", 0));
  EXPECT_TRUE(same_subnet("1.2.3.4", "200.2.3.4", 0));
}

TEST(Wire, OtherLinesAreNotTheProbes) {
  json document;
  for (const char* line : {"", "Welcome to h1!", "{\"mlx-probe\":2,\"a\":1}", "{}"}) {
    EXPECT_FALSE(from_line(line, document)) << line;
  }
  EXPECT_THROW(from_line(std::string(kMark) + "nonsense", document), json::exception);
}

TEST(Wire, TextThatIsNotUtf8IsNoEnd) {
  json document;
  ASSERT_TRUE(from_line(to_line({{"a", "\xff\xfe"}}), document));
}

}  // namespace
}  // namespace mlx::launch::config
