#include "mlx/launch/options.h"

#include <gmock/gmock.h>

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
  const Options o =
      options_of({"-n", "3", "--env", "A=b=c", "--env", "E=", "--cwd", "/", "--tag-output",
                  "--timeout", "1.5", "--grace", "0.25", "--verbose", "train", "-x"});
  EXPECT_EQ(o.ranks, 3);
  EXPECT_THAT(o.environment, ElementsAre(Pair("A", "b=c"), Pair("E", "")));
  EXPECT_EQ(o.folder, "/");
  EXPECT_TRUE(o.tag_output);
  EXPECT_TRUE(o.verbose);
  EXPECT_EQ(o.timeout, std::chrono::milliseconds(1500));
  EXPECT_EQ(o.grace, std::chrono::milliseconds(250));
  EXPECT_THAT(o.command, ElementsAre("train", "-x"));
}

TEST(CommandLine, HasDefaults) {
  const Options o = options_of({"train"});
  EXPECT_EQ(o.ranks, 1);
  EXPECT_EQ(o.timeout, std::nullopt);
  EXPECT_EQ(o.grace, std::chrono::seconds(5));
  EXPECT_FALSE(o.tag_output || o.verbose);
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
      {{"--cwd", "/no/such/folder", "x"}, "/no/such/folder"},
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
    for (const char* option : {"-n,--repeat-hosts", "--env", "--cwd", "--tag-output", "--timeout",
                               "--grace", "--verbose", "--version", "Exit code"}) {
      EXPECT_THAT(help.text, HasSubstr(option));
    }
  }
  const auto version = std::get<Answer>(parse_command_line({"--version"}));
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.text, testing::MatchesRegex("mlx-launch [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

}  // namespace
}  // namespace mlx::launch
