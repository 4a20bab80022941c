#include "mlx/launch/remote_shell.h"

#include <gmock/gmock.h>
#include <stdio.h>
#include <sys/wait.h>

#include <algorithm>

#include "launch/values.h"

namespace mlx::launch {
namespace {

using test::host_of;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Words = std::vector<std::string>;

struct Ran {
  std::string output;
  int exit_code;
};

Ran run_in_shell(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  std::string output;
  for (int c; (c = fgetc(pipe)) != EOF;) output += static_cast<char>(c);
  return {output, WEXITSTATUS(pclose(pipe))};
}

TEST(RemoteShell, QuotesForRealShells) {
  std::string every;
  for (int c = 1; c < 256; ++c) every += static_cast<char>(c);
  for (const std::string& word :
       {every, std::string(), std::string("plain"), std::string("it's"), std::string("''"),
        std::string("a b\n\tc"), std::string("$HOME `id` \\ \"x\" !! ~ * {a,b}"), std::string("-n"),
        std::string("\\'")}) {
    for (const char* shell : {"sh", "bash"}) {
      const std::string script = "printf %s " + shell_quoted(word);
      EXPECT_EQ(run_in_shell(std::string(shell) + " -c " + shell_quoted(script)).output, word);
    }
  }
  EXPECT_EQ(shell_quoted("/usr/bin/mlx-launch"), "/usr/bin/mlx-launch");
}

TEST(RemoteShell, NeverAsksAndNoticesADeadLink) {
  const Words words = ssh_command({"ssh", {}, 7}, host_of("node1"), "run me");
  EXPECT_EQ(words.front(), "ssh");
  for (const char* word : {"-T", "BatchMode=yes", "ConnectTimeout=7"}) {
    EXPECT_THAT(words, Contains(word));
  }
  EXPECT_THAT(words, Contains(HasSubstr("ServerAliveInterval=")));
  EXPECT_THAT(words, Contains(HasSubstr("ServerAliveCountMax=")));
  EXPECT_THAT(words, Not(Contains(HasSubstr("HostKey"))));
  EXPECT_THAT(Words(words.end() - 2, words.end()), ElementsAre("node1", "run me"));
}

TEST(RemoteShell, KnowsUserPortKeyAndIpv6) {
  Host host = host_of("fe80::1%eth0");
  host.user = "me";
  host.port = 2222;
  host.identity = "~/.ssh/key";
  const Words words = ssh_command({}, host, "x");
  EXPECT_THAT(words, Contains("2222"));
  EXPECT_THAT(words, Contains("~/.ssh/key"));
  EXPECT_EQ(words[words.size() - 2], "me@fe80::1%eth0");
}

// ssh takes the first value of an option that it gets.
TEST(RemoteShell, PutsTheUsersOptionsFirst) {
  const Words words =
      ssh_command({" ssh  -F my/config ", {"-oConnectTimeout=99", "-v"}, 5}, host_of("a"), "x");
  EXPECT_THAT(Words(words.begin(), words.begin() + 5),
              ElementsAre("ssh", "-F", "my/config", "-oConnectTimeout=99", "-v"));
}

TEST(RemoteShell, StartsAStepOfSlurmOnOneHost) {
  const Words words = srun_command(host_of("n1"), {"mlx-launch", "--agent"});
  EXPECT_EQ(words.front(), "srun");
  for (const char* word : {"--overlap", "--nodelist=n1", "--ntasks=1", "--unbuffered"}) {
    EXPECT_THAT(words, Contains(word));
  }
  EXPECT_THAT(Words(words.end() - 2, words.end()), ElementsAre("mlx-launch", "--agent"));
}

TEST(RemoteShell, RunsTheSameProgramWhereverItIs) {
  const Words arguments{"[%s]", "a b", "it's", "$HOME", ""};
  const std::string expected = "[a b][it's][$HOME][]";
  EXPECT_EQ(run_in_shell(run_same_program("/usr/bin/printf", arguments)).output, expected);
  EXPECT_EQ(run_in_shell(run_same_program("/no/such/printf", arguments)).output, expected);
  EXPECT_EQ(run_in_shell("bash -c " + shell_quoted(run_same_program("/usr/bin/printf", arguments)))
                .output,
            expected);
}

TEST(RemoteShell, SaysThatThereIsNoSuchProgram) {
  const Ran ran = run_in_shell(run_same_program("/no/such/nothing-here", {}) + " 2>&1");
  EXPECT_EQ(ran.exit_code, 127);
  EXPECT_THAT(ran.output, HasSubstr("no nothing-here on this host"));
  EXPECT_THAT(ran.output, HasSubstr("--remote-launcher"));
  EXPECT_EQ(std::count(ran.output.begin(), ran.output.end(), '\n'), 1);
}

}  // namespace
}  // namespace mlx::launch
