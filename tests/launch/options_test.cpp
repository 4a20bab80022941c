#include "mlx/launch/options.h"

#include <gmock/gmock.h>

#include <fstream>
#include <regex>
#include <sstream>

namespace mlx::launch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using Words = std::vector<std::string>;

Options options_of(const Words& arguments) {
  const auto request = parse_command_line(arguments);
  if (const Answer* answer = std::get_if<Answer>(&request)) {
    ADD_FAILURE() << answer->text;
    return {};
  }
  return std::get<Options>(request);
}

TEST(CommandLine, GivesEveryOption) {
  const Options o = options_of({"-n",
                                "3",
                                "--hosts",
                                "a,me@b,::1",
                                "--backend",
                                "ring",
                                "--env",
                                "A=b=c",
                                "--env",
                                "E=",
                                "--cwd",
                                "/",
                                "--python",
                                "python3.11",
                                "--bind",
                                "numa",
                                "--dry-run",
                                "--ssh",
                                "ssh -F f",
                                "--ssh-option",
                                "-oA=b",
                                "--ssh-option",
                                "-v",
                                "--remote-launcher",
                                "/opt/mlx-launch",
                                "--connect-timeout",
                                "7",
                                "--connections-per-ip",
                                "4",
                                "-p",
                                "5000",
                                "--mpi-arg",
                                "--mca btl tcp",
                                "--mpi-arg",
                                "-v",
                                "--tag-output",
                                "--log-dir",
                                "logs",
                                "--quiet-ranks",
                                "1-3,7",
                                "--stdin",
                                "2",
                                "--color",
                                "never",
                                "--timeout",
                                "1.5",
                                "--grace",
                                "0.25",
                                "--max-restarts",
                                "5",
                                "--verbose",
                                "train",
                                "-x"});
  EXPECT_EQ(o.ranks, 3);
  EXPECT_TRUE(o.ranks_given);
  EXPECT_THAT(o.hosts, ElementsAre("a", "me@b", "::1"));
  EXPECT_EQ(o.backend, "ring");
  EXPECT_THAT(o.environment, ElementsAre(Pair("A", "b=c"), Pair("E", "")));
  EXPECT_EQ(o.folder, "/");
  EXPECT_EQ(o.python, "python3.11");
  EXPECT_EQ(o.binding, Binding::numa);
  EXPECT_EQ(o.ssh, "ssh -F f");
  EXPECT_THAT(o.ssh_options, ElementsAre("-oA=b", "-v"));
  EXPECT_EQ(o.remote_launcher, "/opt/mlx-launch");
  EXPECT_EQ(o.connect, std::chrono::seconds(7));
  EXPECT_EQ(o.connections_per_ip, 4);
  EXPECT_EQ(o.starting_port, 5000);
  EXPECT_THAT(o.mpi_arguments, ElementsAre("--mca", "btl", "tcp", "-v"));
  EXPECT_EQ(o.log_folder, "logs");
  EXPECT_THAT(o.quiet_ranks, ElementsAre(1, 2, 3, 7));
  EXPECT_EQ(o.input_rank, 2);
  EXPECT_EQ(o.colours, Colours::never);
  EXPECT_TRUE(o.dry_run && o.tag_output && o.verbose);
  EXPECT_EQ(o.timeout, std::chrono::milliseconds(1500));
  EXPECT_EQ(o.grace, std::chrono::milliseconds(250));
  EXPECT_EQ(o.max_restarts, 5);
  EXPECT_THAT(o.command, ElementsAre("train", "-x"));
}

TEST(CommandLine, HasDefaults) {
  const Options o = options_of({"train"});
  EXPECT_EQ(o.ranks, 1);
  EXPECT_FALSE(o.ranks_given);
  EXPECT_EQ(o.timeout, std::nullopt);
  EXPECT_EQ(o.starting_port, std::nullopt);
  EXPECT_EQ(o.input_rank, std::nullopt);
  EXPECT_EQ(o.binding, std::nullopt);
  EXPECT_EQ(o.grace, std::chrono::seconds(5));
  EXPECT_EQ(o.connect, std::chrono::seconds(20));
  EXPECT_EQ(o.colours, Colours::automatic);
  EXPECT_FALSE(o.tag_output || o.verbose || o.dry_run);
}

TEST(CommandLine, NamesOptionsInMoreThanOneWay) {
  EXPECT_EQ(options_of({"--repeat-hosts", "2", "x"}).ranks, 2);
  EXPECT_EQ(options_of({"--starting-port", "81", "x"}).starting_port, 81);
  EXPECT_EQ(options_of({"--nccl-port", "82", "x"}).starting_port, 82);
  EXPECT_EQ(options_of({"--stdin", "all", "x"}).input_rank, std::nullopt);
  EXPECT_EQ(options_of({"--stdin", "none", "x"}).input_rank, -1);
  EXPECT_EQ(options_of({"--hostfile", "h.json", "x"}).hostfile, "h.json");
}

TEST(CommandLine, LeavesWhatFollowsTheProgramToIt) {
  const Words command{"train", "-n", "7", "--help", "--", "--verbose"};
  for (Words prefix : {Words{"-n", "2"}, Words{"-n", "2", "--"}}) {
    prefix.insert(prefix.end(), command.begin(), command.end());
    const Options o = options_of(prefix);
    EXPECT_EQ(o.ranks, 2);
    EXPECT_FALSE(o.verbose);
    EXPECT_EQ(o.command, command);
  }
}

TEST(CommandLine, RefusesWhatMakesNoSenseWithExitCode2) {
  const struct {
    Words arguments;
    const char* named;
  } rows[] = {
      {{}, "No program"},
      {{"-n", "2"}, "No program"},
      {{"-n", "2", "--"}, "No program"},
      {{"-n", "0", "x"}, "repeat-hosts"},
      {{"-n", "-1", "x"}, "repeat-hosts"},
      {{"-n", "two", "x"}, "repeat-hosts"},
      {{"-n", "1.5", "x"}, "repeat-hosts"},
      {{"-n"}, "repeat-hosts"},
      {{"--nope", "x"}, "--nope"},
      {{"-q", "x"}, "-q"},
      {{"--env", "A", "x"}, "NAME=VALUE"},
      {{"--env", "=b", "x"}, "NAME=VALUE"},
      {{"--cwd", "", "x"}, "--cwd"},
      {{"--hosts", "", "x"}, "--hosts"},
      {{"--hosts", "a,,b", "x"}, "--hosts"},
      {{"--hosts", "a:2", "x"}, "slots belong into a hostfile"},
      {{"--hosts", "-oProxyCommand=x", "x"}, "--hosts"},
      {{"--hosts", "a", "--hostfile", "f", "x"}, "--hostfile"},
      {{"--backend", "gloo", "x"}, "any, ring, mpi"},
      {{"--bind", "socket", "x"}, "--bind"},
      {{"--starting-port", "0", "x"}, "--starting-port"},
      {{"--starting-port", "65536", "x"}, "--starting-port"},
      {{"--starting-port", "1", "--nccl-port", "1", "x"}, "--nccl-port"},
      {{"--connections-per-ip", "65", "x"}, "--connections-per-ip"},
      {{"--quiet-ranks", "3-1", "x"}, "--quiet-ranks"},
      {{"--quiet-ranks", "1-2-3", "x"}, "--quiet-ranks"},
      {{"--quiet-ranks", "1,", "x"}, "--quiet-ranks"},
      {{"--stdin", "-2", "x"}, "--stdin"},
      {{"--stdin", "some", "x"}, "--stdin"},
      {{"--color", "red", "x"}, "--color"},
      {{"--max-restarts", "-1", "x"}, "--max-restarts"},
      {{"--connect-timeout", "0", "x"}, "--connect-timeout"},
      {{"--timeout", "0", "x"}, "timeout"},
      {{"--timeout", "soon", "x"}, "timeout"},
      {{"--grace", "-1", "x"}, "grace"},
  };
  for (const auto& row : rows) {
    const auto request = parse_command_line(row.arguments);
    const Answer* answer = std::get_if<Answer>(&request);
    ASSERT_TRUE(answer) << testing::PrintToString(row.arguments);
    EXPECT_EQ(answer->exit_code, 2);
    EXPECT_THAT(answer->text, HasSubstr(row.named)) << testing::PrintToString(row.arguments);
    EXPECT_THAT(answer->text, HasSubstr("mlx-launch --help"));
  }
}

TEST(CommandLine, AnswersHelpAndVersion) {
  for (const char* word : {"--help", "-h"}) {
    const auto help = std::get<Answer>(parse_command_line({"-n", "2", word}));
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.text, HasSubstr("Usage: mlx-launch"));
    EXPECT_THAT(help.text, HasSubstr("Exit code"));
  }
  const auto version = std::get<Answer>(parse_command_line({"--version"}));
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.text, testing::MatchesRegex("mlx-launch [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(CommandLine, PrintsThePathOfPython) {
  const auto shell = std::get<Answer>(parse_command_line({"--print-python", "--python", "sh"}));
  EXPECT_EQ(shell.exit_code, 0);
  EXPECT_THAT(shell.text, testing::MatchesRegex("/.*/sh\n"));
  const auto none =
      std::get<Answer>(parse_command_line({"--print-python", "--python", "nopython"}));
  EXPECT_EQ(none.exit_code, 127);
  EXPECT_THAT(none.text, HasSubstr("nopython"));
}

std::set<std::string> long_options_in(const std::string& text) {
  std::set<std::string> names;
  const std::regex name("--[a-z][a-z-]*");
  for (std::sregex_iterator at(text.begin(), text.end(), name), end; at != end; ++at) {
    names.insert(at->str());
  }
  return names;
}

// Of each line its beginning up to the description.
std::set<std::string> options_of_help() {
  std::istringstream help(std::get<Answer>(parse_command_line({"--help"})).text);
  std::set<std::string> names;
  for (std::string line; std::getline(help, line);) {
    if (!line.starts_with("  -")) continue;
    const size_t description = line.find("  ", 2);
    names.merge(long_options_in(line.substr(0, description)));
  }
  return names;
}

std::set<std::string> options_of_document() {
  std::ifstream file(MLX_GOLDEN_DIR "/../../docs/launching.md");
  std::set<std::string> names;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| `-")) names.merge(long_options_in(line.substr(0, line.find(" | "))));
  }
  return names;
}

TEST(CommandLine, IsDocumentedAsItsHelpSays) {
  const auto help = options_of_help();
  EXPECT_GE(help.size(), 25u);
  EXPECT_EQ(help, options_of_document());
}

}  // namespace
}  // namespace mlx::launch
