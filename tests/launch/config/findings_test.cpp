#include "mlx/launch/config/findings.h"

#include <gmock/gmock.h>

#include "hosts.h"
#include "mlx/launch/config/check.h"

namespace mlx::launch::config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace test;

std::vector<std::string> texts(const std::vector<Finding>& findings, bool problem = true) {
  std::vector<std::string> out;
  for (const Finding& f : findings) {
    if (f.problem == problem) out.push_back(f.text);
  }
  return out;
}

std::vector<std::string> problems(const Survey& s) { return texts(findings_of(s)); }
std::vector<std::string> remarks(const Survey& s) { return texts(findings_of(s), false); }

TEST(Findings, NothingIsWrongWithGoodHosts) {
  EXPECT_THAT(findings_of(joined_hosts(4)), IsEmpty());
}

TEST(Findings, AHostThatCannotBeUsed) {
  Survey s = joined_hosts(3);
  s.hosts[2].error = "ssh failed: Connection refused";
  EXPECT_THAT(problems(s), ElementsAre("h2: ssh failed: Connection refused."));
}

TEST(Findings, HostsThatDoNotReachEachOtherAndHow) {
  Survey s = joined_hosts(2);
  path(s, 0, 1).reach = {Outcome::timeout, "no answer"};
  path(s, 0, 1).back = {Outcome::unreachable, "No route to host"};
  EXPECT_THAT(problems(s),
              ElementsAre("h0 and h1 do not reach each other: "
                          "10.0.0.0 to 10.0.0.1: no answer, a firewall drops or nobody is there; "
                          "10.0.0.1 to 10.0.0.0: unreachable (No route to host)."));
  s.paths.clear();
  EXPECT_THAT(problems(s), ElementsAre(HasSubstr("no addresses of one kind")));
}

TEST(Findings, AnotherPathIsEnough) {
  Survey s = joined_hosts(2);
  add_path(s, 0, 1, 1e9, "10.5.0.").reach.outcome = Outcome::refused;
  EXPECT_THAT(problems(s), IsEmpty());
}

TEST(Findings, BusyAndBlockedPortsAreGathered) {
  Survey s = joined_hosts(2);
  s.hosts[0].ports = {{32000, 0, "in use"}, {32001, 0, "in use"}, {0, 40000, ""}};
  for (const uint16_t port : {32002, 32003}) {
    s.port_tests.push_back({0, 1, "10.0.0.1", port, {Outcome::refused, "Connection refused"}});
  }
  s.port_tests.push_back({1, 0, "10.0.0.0", 32002, {}});
  EXPECT_THAT(problems(s),
              ElementsAre("h0: ports 32000 and 32001 are in use.",
                          "h0 does not reach ports 32002 and 32003 of h1 at 10.0.0.1: refused, "
                          "nobody listens or a firewall rejects."));
}

TEST(Findings, MissingAndDifferentVersions) {
  Survey s = joined_hosts(3);
  facts(s, 1).programs["mlx-launch"] = "0.9";
  facts(s, 2).programs.erase("mlx-launch");
  EXPECT_THAT(problems(s), ElementsAre("mlx-launch is missing on h2.",
                                       "The versions of mlx-launch differ: 0.9 on h1 and 1.0 on "
                                       "h0."));
}

TEST(Findings, DifferentMtusOnOneNetwork) {
  Survey s = joined_hosts(2);
  facts(s, 1).interfaces[0].mtu = 9000;
  EXPECT_THAT(problems(s), ElementsAre(AllOf(HasSubstr("1500 and 9000"), HasSubstr("h1 (eth0)"))));
  path(s, 0, 1).gateway = "10.0.0.254";
  EXPECT_THAT(problems(s), IsEmpty());
}

TEST(Findings, AClockIsOffOnlyBeyondWhatIsKnown) {
  Survey s = joined_hosts(2);
  s.hosts[1].clock_offset = -3;
  s.hosts[1].clock_error = 2.95;
  EXPECT_THAT(remarks(s), IsEmpty());
  s.hosts[1].clock_error = 0.01;
  EXPECT_THAT(remarks(s), ElementsAre(HasSubstr("The clock of h1 is 3.00 s behind")));
}

TEST(Findings, ASlowLinkNamesBothDirections) {
  Survey s = joined_hosts(3);
  path(s, 0, 2).measurement.back = 1e8;
  EXPECT_THAT(remarks(s), ElementsAre("From h0 to h2 go at most 10.0 Gbit/s and 100 Mbit/s back; "
                                      "between h0 and h1 10.0 Gbit/s."));
}

TEST(Findings, LimitsAndMachines) {
  Survey s = joined_hosts(2);
  facts(s, 0).open_files = 256;
  facts(s, 1).shared = 1 << 20;
  facts(s, 1).machine = "aarch64";
  EXPECT_THAT(remarks(s),
              ElementsAre(HasSubstr("h1 is aarch64, h0 is x86_64"), HasSubstr("only 256 files"),
                          HasSubstr("only 1.00 MiB are free in /dev/shm")));
  EXPECT_THAT(problems(s), IsEmpty());
}

// Below: --check.

Hostfile hostfile_of(const Survey& survey) {
  Hostfile file;
  for (const HostReport& h : survey.hosts) file.hosts.push_back(h.host);
  return file;
}

std::vector<std::string> found(const Hostfile& file, const Survey& survey) {
  return texts(check_hostfile(file, survey));
}

TEST(Check, ATrueHostfilePasses) {
  const Survey s = joined_hosts(2);
  Hostfile file = hostfile_of(s);
  file.backend = "ring";
  file.hosts[0].ips = {"10.0.0.0"};
  file.hosts[1].ips = {"10.0.0.1"};
  EXPECT_THAT(found(file, s), IsEmpty());
}

TEST(Check, AddressesBelongToTheirHosts) {
  Survey s = joined_hosts(2);
  Hostfile file = hostfile_of(s);
  file.hosts[0].ips = {"10.0.0.1"};
  EXPECT_THAT(found(file, s),
              ElementsAre("h0 does not have the address 10.0.0.1; it has 10.0.0.0."));
  file.hosts[0].ips = {"10.0.0.0"};
  facts(s, 0).interfaces[0].linked = false;
  EXPECT_THAT(found(file, s), ElementsAre("h0: the interface eth0 of 10.0.0.0 has no link."));
}

TEST(Check, AddressesAreReachedByTheOthers) {
  Survey s = joined_hosts(2);
  add_interface(s, 0, "eth1", "ethernet", "10.7.0.0");
  Hostfile file = hostfile_of(s);
  file.hosts[0].ips = {"10.7.0.0"};
  EXPECT_THAT(found(file, s), ElementsAre("h1 does not reach h0 at 10.7.0.0."));
}

TEST(Check, TheMatrixFitsDevicesAndRanks) {
  Survey s = joined_hosts(2);
  add_roce(s, 0, "mlx5_0", "10.0.0.0");
  add_roce(s, 1, "mlx5_0", "10.0.0.1");
  Hostfile file = hostfile_of(s);
  file.backend = "rdma";
  file.hosts[0].rdma = {{}, {"mlx5_0"}};
  file.hosts[1].rdma = {{"mlx5_0"}, {}};
  EXPECT_THAT(found(file, s), IsEmpty());

  file.hosts[1].rdma = {{"mlx5_7"}, {}};
  EXPECT_THAT(found(file, s), ElementsAre("h1 has no RDMA device mlx5_7."));
  file.hosts[1].rdma = {{"mlx5_0"}};
  EXPECT_THAT(found(file, s), ElementsAre("The rdma list of h1 has 1 entries for 2 ranks."));
  file.hosts[1].rdma = {{"mlx5_0"}, {}};
  path(s, 0, 1).reach.outcome = Outcome::timeout;
  EXPECT_THAT(found(file, s),
              ElementsAre("h0: mlx5_0 does not lead to h1.", "h1: mlx5_0 does not lead to h0."));
  facts(s, 0).rdma.devices[0].ports[0].state = "down";
  EXPECT_THAT(found(file, s), testing::Contains("h0: no port of mlx5_0 is active."));
}

TEST(Check, BackendsFindWhatTheyNeed) {
  Survey s = joined_hosts(1);
  Hostfile file = hostfile_of(s);
  for (const auto& [backend, needed] : std::vector<std::pair<std::string, std::string>>{
           {"mpi", "mpirun"}, {"jaccl", "an RDMA device"}}) {
    file.backend = backend;
    EXPECT_THAT(found(file, s), ElementsAre("Backend " + backend + " needs " + needed +
                                            ", which h0 does not have."));
  }
  file.backend = "any";
  EXPECT_THAT(found(file, s), IsEmpty());
  file.backend = "nccl";
  EXPECT_THAT(found(file, s), ElementsAre(HasSubstr("libnccl.so.2"), HasSubstr("a GPU")));
}

}  // namespace
}  // namespace mlx::launch::config
