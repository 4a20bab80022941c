// Jobs over several hosts in which nothing goes wrong.

#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "system/launch_on_hosts.h"
#include "system/trained.h"

namespace mlx::test {
namespace {

namespace fs = std::filesystem;
using core::distributed::testing::Hosts;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class LaunchOnTwoHosts : public LaunchOnHosts {
 protected:
  LaunchOnTwoHosts() : LaunchOnHosts(2) {}

  void write_hostfile(const std::string& text) {
    std::ofstream(hosts_.folder() + "/hosts.json") << text;
  }
};

class LaunchOnThreeHosts : public LaunchOnHosts {
 protected:
  LaunchOnThreeHosts() : LaunchOnHosts(3) {}
};

TEST_F(LaunchOnThreeHosts, TrainsTheExampleByOneCommand) {
  const Finished f = run({"--hosts", names(), "-n", "2", LINEAR_REGRESSION});
  EXPECT_EQ(f.exit_code, 0) << f.err;
  EXPECT_TRUE(is_trained(f.out)) << f.out;
  EXPECT_EQ(f.err, "");
}

TEST_F(LaunchOnThreeHosts, TellsEveryRankWhoItIs) {
  const Finished f = run_script(
      2, "echo $MLX_RANK: $MLX_WORLD_SIZE $MLX_LOCAL_RANK $(hostname) $A ${#MLX_JOB_SECRET} $(pwd)",
      {"--env", "A=b 'c'"});
  EXPECT_EQ(f.exit_code, 0) << f.err;
  std::map<std::string, std::string> expected;
  for (int rank = 0; rank < 6; ++rank) {
    const std::string number = std::to_string(rank);
    expected[number] = number + ": 6 " + std::to_string(rank % 2) + " h" +
                       std::to_string(rank / 2 + 1) + " b 'c' 64 /\n";
  }
  EXPECT_EQ(by_rank(f.out), expected);
}

TEST_F(LaunchOnTwoHosts, OpensOneConnectionToEach) {
  Command& job = start_script(4, "echo up; sleep 50");
  job.wait_for_output("up\nup\nup\nup\nup\nup\nup\nup\n");
  EXPECT_THAT(hosts_.processes(0, "sshd: root@"), SizeIs(1));
  EXPECT_THAT(hosts_.processes(1, "sshd: root@"), SizeIs(1));
  kill(job.pid(), SIGTERM);
  EXPECT_EQ(end().exit_code, 143);
}

// We see the processes of the hosts, they do not see ours.
TEST_F(LaunchOnTwoHosts, KeepsTheSecretOffCommandLinesOfAnyHost) {
  Command& job = start_script(1, "echo $MLX_JOB_SECRET up; sleep 50");
  const std::string secret = job.wait_for_output("up\n").substr(0, 64);
  std::string command_lines;
  for (const auto& process : fs::directory_iterator("/proc")) {
    std::ifstream file(process.path() / "cmdline", std::ios::binary);
    command_lines += std::string(std::istreambuf_iterator<char>(file), {});
  }
  EXPECT_THAT(command_lines, AllOf(HasSubstr("--agent"), Not(HasSubstr(secret))));
  kill(job.pid(), SIGTERM);
  EXPECT_THAT(end().err, Not(HasSubstr(secret)));
}

TEST_F(LaunchOnTwoHosts, ForwardsAMillionLinesToTheByte) {
  const Finished f =
      run_script(4, "seq -f $MLX_RANK:%.0f 1 125000; seq -f $MLX_RANK:%.0f 1 20000 >&2");
  EXPECT_EQ(f.exit_code, 0);
  const auto out = by_rank(f.out), err = by_rank(f.err);
  EXPECT_THAT(out, SizeIs(8));
  EXPECT_THAT(err, SizeIs(8));
  for (int rank = 0; rank < 8; ++rank) {
    const std::string number = std::to_string(rank);
    EXPECT_TRUE(out.at(number) == numbered_lines(number + ":", 125000)) << "rank " << rank;
    EXPECT_TRUE(err.at(number) == numbered_lines(number + ":", 20000)) << "rank " << rank;
  }
}

TEST_F(LaunchOnTwoHosts, LosesNothingOfRanksThatEndAtOnce) {
  for (int turn = 0; turn < 5; ++turn) {
    const Finished f = run_script(8, "echo $MLX_RANK:; echo $MLX_RANK: >&2");
    EXPECT_THAT(by_rank(f.out), SizeIs(16));
    EXPECT_THAT(by_rank(f.err), SizeIs(16));
  }
}

TEST_F(LaunchOnTwoHosts, TagsLinesWithTheRank) {
  const Finished f = run_script(1, "echo on $(hostname)", {"--tag-output"});
  EXPECT_THAT(f.out, AllOf(HasSubstr("[0]: on h1\n"), HasSubstr("[1]: on h2\n")));
}

TEST_F(LaunchOnTwoHosts, CopiesStandardInputToEveryRank) {
  setting_.input = numbered_lines("", 300000);  // about 2 MB
  const Finished f = run_script(2, "cksum");
  EXPECT_EQ(f.exit_code, 0);
  std::istringstream stream(f.out);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  ASSERT_THAT(lines, SizeIs(4));
  EXPECT_THAT(lines, Each(lines[0]));
  EXPECT_THAT(lines[0], HasSubstr(" " + std::to_string(setting_.input.size())));
}

TEST_F(LaunchOnTwoHosts, GivesStandardInputToOneRank) {
  setting_.input = "hello\n";
  const Finished f = run_script(1, "echo $MLX_RANK:$(cat)", {"--stdin", "1"});
  EXPECT_EQ(by_rank(f.out),
            (std::map<std::string, std::string>{{"0", "0:\n"}, {"1", "1:hello\n"}}));
}

TEST_F(LaunchOnTwoHosts, WritesAFileForEveryRankAndStream) {
  const std::string logs = hosts_.folder() + "/logs";
  const Finished f = run_script(1, "echo out $MLX_RANK; echo err $MLX_RANK >&2",
                                {"--log-dir", logs, "--quiet-ranks", "1"});
  EXPECT_EQ(f.out, "out 0\n");
  EXPECT_EQ(f.err, "err 0\n");
  for (const char* rank : {"0", "1"}) {
    for (const char* stream : {"out", "err"}) {
      std::ifstream file(logs + "/" + rank + "." + stream);
      std::string text(std::istreambuf_iterator<char>(file), {});
      EXPECT_EQ(text, std::string(stream) + " " + rank + "\n");
    }
  }
}

TEST_F(LaunchOnTwoHosts, RunsTwoJobsAtOnce) {
  Command& first = start({"--hosts", names(), "-n", "2", LINEAR_REGRESSION});
  Command::Setting setting = setting_;
  setting.folder = hosts_.folder() + "/second";
  fs::create_directory(setting.folder);
  Command second(
      {MLX_LAUNCH, "--ssh", hosts_.ssh(), "--hosts", "h2,h1", "-n", "2", LINEAR_REGRESSION},
      setting);
  for (Command* job : {&first, &second}) {
    const Finished f = job->wait();
    EXPECT_EQ(f.exit_code, 0) << f.err;
    EXPECT_TRUE(is_trained(f.out)) << f.out;
  }
}

TEST_F(LaunchOnTwoHosts, ReachesHostsByIpv6) {
  const Finished f =
      run({"--hosts", SshHosts::address6(0) + "," + SshHosts::address6(1), LINEAR_REGRESSION});
  EXPECT_EQ(f.exit_code, 0) << f.err;
  EXPECT_TRUE(is_trained(f.out)) << f.out;
}

TEST_F(LaunchOnTwoHosts, UsesSeveralAddressesOfAHost) {
  for (int host = 0; host < 2; ++host) {
    Hosts::run("ip addr add 10.78.0." + std::to_string(host + 1) + "/24 dev eth0",
               hosts_.networks().network(host));
  }
  write_hostfile(R"([
    {"ssh": "h1", "ips": ["10.77.0.1", "10.78.0.1"]},
    {"ssh": "h2", "ips": ["10.77.0.2", "10.78.0.2"]}
  ])");
  const std::string file = hosts_.folder() + "/hosts.json";
  Finished f = run({"--hostfile", file, "--cwd", "/", "--", "/bin/sh", "-c",
                    "echo $MLX_RANK:$MLX_DATA_ADDRESSES"});
  EXPECT_EQ(by_rank(f.out), (std::map<std::string, std::string>{{"0", "0:10.77.0.1,10.78.0.1\n"},
                                                                {"1", "1:10.77.0.2,10.78.0.2\n"}}));
  f = run({"--hostfile", file, LINEAR_REGRESSION});
  EXPECT_EQ(f.exit_code, 0) << f.err;
  EXPECT_TRUE(is_trained(f.out)) << f.out;
}

TEST_F(LaunchOnTwoHosts, ReadsUsersPortsSlotsAndVariablesFromAHostfile) {
  write_hostfile(R"({
    // The port is the usual one, said all the same.
    "envs": ["A=all"],
    "hosts": [
      {"ssh": "h1", "user": "root", "port": 22, "slots": 2, "env": {"B": "one"}},
      {"ssh": "h2", "env": {"B": "two"}}
    ]
  })");
  const Finished f = run({"--hostfile", hosts_.folder() + "/hosts.json", "--cwd", "/", "--",
                          "/bin/sh", "-c", "echo $MLX_RANK: $(hostname) $A $B"});
  EXPECT_EQ(f.exit_code, 0) << f.err;
  EXPECT_EQ(by_rank(f.out),
            (std::map<std::string, std::string>{
                {"0", "0: h1 all one\n"}, {"1", "1: h1 all one\n"}, {"2", "2: h2 all two\n"}}));
}

TEST_F(LaunchOnTwoHosts, MixesThisHostWithOthers) {
  const Finished f = run({"--hosts", "localhost,h2", "-n", "2", LINEAR_REGRESSION});
  EXPECT_EQ(f.exit_code, 0) << f.err;
  EXPECT_TRUE(is_trained(f.out)) << f.out;
}

TEST_F(LaunchOnTwoHosts, HearsNothingOfWhatALoginShellPrints) {
  hosts_.run(1, "echo 'echo Welcome to h2; echo Have a nice day >&2' > /run/home/.bashrc");
  const Finished f = run_script(1, "echo $MLX_RANK:");
  EXPECT_EQ(f.exit_code, 0) << f.err;
  EXPECT_THAT(by_rank(f.out), SizeIs(2));
  EXPECT_THAT(f.out, Not(HasSubstr("Welcome")));
}

}  // namespace
}  // namespace mlx::test
