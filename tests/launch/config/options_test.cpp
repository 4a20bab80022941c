#include "mlx/launch/config/options.h"

#include <gmock/gmock.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace mlx::launch::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Words = std::vector<std::string>;

ConfigOptions parsed(const Words& words) {
  const auto request = parse_config_command_line(words);
  if (const auto* answer = std::get_if<Answer>(&request)) {
    ADD_FAILURE() << answer->text;
    return {};
  }
  return std::get<ConfigOptions>(request);
}

Answer answered(const Words& words) {
  const auto request = parse_config_command_line(words);
  const auto* answer = std::get_if<Answer>(&request);
  return answer ? *answer : Answer{"accepted", -1};
}

TEST(ConfigOptions, EverythingIsUnderstood) {
  const ConfigOptions o = parsed({"--hosts",
                                  "a,me@b,::1",
                                  "--over",
                                  "ethernet",
                                  "--backend",
                                  "ring",
                                  "--env",
                                  "A=b=c",
                                  "--env",
                                  "D=",
                                  "--output-hostfile",
                                  "x.json",
                                  "--starting-port",
                                  "32000",
                                  "--seconds",
                                  "0.5",
                                  "--ssh",
                                  "ssh -F f",
                                  "--ssh-option",
                                  "-v",
                                  "--ssh-option",
                                  "-4",
                                  "--connect-timeout",
                                  "3",
                                  "--ignore-unreachable",
                                  "--verbose",
                                  "--auto-setup",
                                  "--yes"});
  ASSERT_EQ(o.hosts.size(), 3u);
  EXPECT_EQ(o.hosts[1].user, "me");
  EXPECT_EQ(o.hosts[2].name, "::1");
  EXPECT_EQ(o.wishes.over, Over::ethernet);
  EXPECT_EQ(o.wishes.backend, "ring");
  EXPECT_EQ(o.wishes.environment, (Variables{{"A", "b=c"}, {"D", ""}}));
  EXPECT_EQ(o.output, "x.json");
  EXPECT_EQ(o.starting_port, 32000);
  EXPECT_EQ(o.flow, std::chrono::milliseconds(500));
  EXPECT_EQ(o.shell.program, "ssh -F f");
  EXPECT_THAT(o.shell.options, ElementsAre("-v", "-4"));
  EXPECT_EQ(o.shell.connect_seconds, 3);
  EXPECT_TRUE(o.ignore_unreachable && o.verbose && o.auto_setup && o.yes);
  EXPECT_FALSE(o.check || o.json || o.dot);
}

TEST(ConfigOptions, CheckNamesAHostfile) {
  const ConfigOptions o = parsed({"--check", "x.json", "--json"});
  EXPECT_TRUE(o.check && o.json);
  EXPECT_EQ(o.hostfile, "x.json");
}

TEST(ConfigOptions, WrongUsageIsRefused) {
  const struct {
    Words words;
    const char* expected;
  } rows[] = {
      {{}, "Which hosts?"},
      {{"--hosts", "a", "--hostfile", "f"}, "--hosts"},
      {{"--hosts", "a", "--check", "f"}, "--check"},
      {{"--hosts", "-x"}, ""},
      {{"--hosts", "a b"}, "not the name or address of a host"},
      {{"--hosts", "a", "--over", "air"}, "air"},
      {{"--hosts", "a", "--backend", "gloo"}, "gloo"},
      {{"--hosts", "a", "--over", "rdma", "--backend", "ring"}, "does not go over rdma"},
      {{"--hosts", "a", "--over", "ethernet", "--backend", "jaccl"}, "goes over rdma"},
      {{"--hosts", "a", "--env", "=x"}, "expected NAME=VALUE"},
      {{"--hosts", "a", "--starting-port", "0"}, "--starting-port"},
      {{"--hosts", "a", "--seconds", "60"}, "--seconds"},
      {{"--hosts", "a", "--yes"}, "--auto-setup"},
      {{"--hosts", "a", "--json", "--dot"}, "--dot"},
      {{"--hosts", "a", "--json", "--output-hostfile", "-"}, "Standard output cannot hold"},
      {{"--check", "f", "--dot"}, "--check only compares"},
      {{"--hosts", "a", "more"}, "more"},
  };
  for (const auto& row : rows) {
    const Answer answer = answered(row.words);
    EXPECT_EQ(answer.exit_code, kUsage) << testing::PrintToString(row.words);
    EXPECT_THAT(answer.text, HasSubstr(row.expected));
    EXPECT_THAT(answer.text, HasSubstr("mlx-distributed-config --help"));
  }
}

std::set<std::string> options_in(const std::string& text, const char* pattern) {
  const std::regex expression(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at) {
    found.insert(at->str(1));
  }
  return found;
}

TEST(ConfigOptions, HelpAndDocumentationAgree) {
  const Answer help = answered({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  std::ifstream file(MLX_GOLDEN_DIR "/../../docs/configuring.md");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_EQ(options_in(help.text, R"(\n  (?:-h,)?(--[a-z-]+))"),
            options_in(text.str(), R"(\n\| `(?:-h`, `)?(--[a-z-]+))"));
}

}  // namespace
}  // namespace mlx::launch::config
