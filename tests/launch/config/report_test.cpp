#include "mlx/launch/config/report.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "hosts.h"
#include "mlx/launch/config/words.h"

namespace mlx::launch::config {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using namespace test;

// Three hosts, one of them lost, one blocked port.
Result result() {
  Result r;
  r.survey = joined_hosts(3);
  r.survey.hosts[2].error = "ssh is not let in";
  r.survey.hosts[1].ports.push_back({32000, 0, "in use"});
  r.survey.port_tests = {{0, 1, "10.0.0.1", 32001, {Outcome::refused, "Connection refused"}}};
  r.findings = findings_of(r.survey);
  r.choice = choose(r.survey, {});
  r.setup = setup_steps(r.survey, {});
  return r;
}

TEST(Report, TextNamesHostsLinksFindingsAndChoice) {
  const std::string text = to_text(result(), false);
  EXPECT_THAT(text,
              AllOf(HasSubstr("3 hosts, 2 of them can be used.\n"),
                    HasSubstr("10.0.0.0 - 10.0.0.1  -   50.0 us     10.0 Gbit/s"),
                    HasSubstr("  problem: h2: ssh is not let in.\n"),
                    HasSubstr("  backend ring, full mesh\n"), HasSubstr("h1: iptables -I INPUT")));
  EXPECT_THAT(text, Not(HasSubstr("Interfaces")));
}

TEST(Report, VerboseTextTellsMoreOfTheHosts) {
  Result r = result();
  facts(r.survey, 0).routes = {{"default", "10.0.0.254", "eth0", 0}};
  add_roce(r.survey, 0, "mlx5_0", "10.0.0.0");
  const std::string text = to_text(r, true);
  EXPECT_THAT(text, AllOf(HasSubstr("Interfaces\n"), HasSubstr("10.0.0.0/24"),
                          HasSubstr("route to default by 10.0.0.254 on eth0"),
                          HasSubstr("1: ::ffff:10.0.0.0"), HasSubstr("mlx-launch 1.0")));
}

TEST(Report, ACheckChoosesNothing) {
  Result r = result();
  r.checked = true;
  r.findings.clear();
  EXPECT_THAT(to_text(r, false), AllOf(HasSubstr("Nothing is wrong."), Not(HasSubstr("Choice"))));
  EXPECT_FALSE(json::parse(to_json(r)).contains("choice"));
}

TEST(Report, JsonHoldsEverything) {
  const json j = json::parse(to_json(result()));
  EXPECT_EQ(j["hosts"][0]["facts"]["hostname"], "h0");
  EXPECT_EQ(j["hosts"][1]["ports"], json::parse(R"([{"port": 32000, "free": false}])"));
  EXPECT_EQ(j["hosts"][2], json::parse(R"({"name": "h2", "usable": false,
                                           "error": "ssh is not let in"})"));
  EXPECT_EQ(j["paths"][0]["forth_bps"], 10e9);
  EXPECT_EQ(j["port_tests"][0]["reach"]["outcome"], "refused");
  EXPECT_EQ(j["findings"][0]["hosts"], json::parse(R"(["h2"])"));
  EXPECT_EQ(j["choice"]["order"], json::parse(R"(["h0", "h1"])"));
  EXPECT_EQ(j["choice"]["shape"], "mesh");
  EXPECT_EQ(j["hostfile"]["hosts"].size(), 2u);
  EXPECT_EQ(j["setup"][0]["host"], "h1");
}

TEST(Report, DotDrawsLinksAndTheRing) {
  Result r;
  r.survey = joined_hosts(4);
  path(r.survey, 0, 1).measurement.forth = 1e8;
  r.survey.hosts[3].host.name = "a\"b";
  r.choice = choose(r.survey, {});
  const std::string dot = to_dot(r);
  EXPECT_THAT(dot, HasSubstr("\"h0\" [label=\"h0: 16 cores, 64.0 GiB\"];"));
  EXPECT_THAT(dot, HasSubstr("\"h0\" -- \"h1\" [label=\"100 Mbit/s, 50.0 us\"];"));
  EXPECT_THAT(dot, HasSubstr("\"h0\" -- \"h2\" [label=\"10.0 Gbit/s, 50.0 us\", style=bold];"));
  EXPECT_THAT(dot, HasSubstr("\"a\\\"b\" [label="));
}

TEST(Words, QuantitiesHaveThreeDigits) {
  EXPECT_EQ(rate_text(9.414e9), "9.41 Gbit/s");
  EXPECT_EQ(rate_text(95.66e6), "95.7 Mbit/s");
  EXPECT_EQ(rate_text(999.9e6), "1.00 Gbit/s");
  EXPECT_EQ(time_text(71.4e-6), "71.4 us");
  EXPECT_EQ(time_text(0.25), "250 ms");
  EXPECT_EQ(bytes_text(int64_t{64} << 30), "64.0 GiB");
  EXPECT_EQ(bytes_text(0), "0.00 B");
  EXPECT_EQ(list_text({"a", "b", "c"}), "a, b and c");
}

}  // namespace
}  // namespace mlx::launch::config
