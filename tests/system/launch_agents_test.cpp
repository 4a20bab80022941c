// mlx-launch with hosts that a script in place of ssh makes up: all are this one.

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>

#include "mlx/launch/protocol.h"
#include "system/launch_job.h"

namespace mlx {
namespace {

namespace fs = std::filesystem;
using test::Command;
using test::content;
using test::Finished;
using test::Words;
using testing::AllOf;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Lt;
using testing::Not;
using testing::SizeIs;

constexpr int kHostFailed = 255;

// Runs what ssh would run there: its last word.
constexpr const char* kRun =
    "for last; do :; done\n"
    "export SSH_CONNECTION='127.0.0.1 1 127.0.0.1 22'\n"
    "exec sh -c \"$last\"\n";

// The same, but the second host ("b") is of the kind that `script` describes.
std::string second_host(const std::string& script) {
  return "case \"$*\" in *' b '*)\n" + script + ";; esac\n" + kRun;
}

std::string sorted_lines(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  std::sort(lines.begin(), lines.end());
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

class LaunchByAgents : public test::LaunchJob {
 protected:
  LaunchByAgents() : folder_(setting_.folder) {
    setting_.folder += "/job";
    fs::create_directory(setting_.folder);
    options_ = {"--ssh", folder_ + "/ssh", "--hosts", "a,b"};
    use_ssh(kRun);
  }
  ~LaunchByAgents() override {
    command_.reset();
    fs::remove_all(folder_);
  }

  void use_ssh(const std::string& script) {
    const std::string path = folder_ + "/ssh";
    std::ofstream(path) << "#!/bin/sh\n" << script;
    fs::permissions(path, fs::perms::owner_all);
  }

  /// Soon there are none.
  void expect_no_processes() override {
    for (int turn = 0; turn < 500 && !command_->processes().empty(); ++turn) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    LaunchJob::expect_no_processes();
  }

  /// Starts ranks that run until they are stopped, but not after a restart.
  pid_t start_and_find_second_agent(const Words& options = {}) {
    start_script(1, "[ $MLX_RANK = 1 ] && echo $PPID up; [ $MLX_RESTART_COUNT = 1 ] || sleep 50",
                 options);
    return std::stoi(command_->wait_for_output("up\n"));
  }

  const std::string folder_;
};

TEST_F(LaunchByAgents, NumbersRanksHostByHost) {
  const Finished f = run_script(2, "echo $MLX_RANK $MLX_LOCAL_RANK $MLX_WORLD_SIZE");
  EXPECT_EQ(f.exit_code, 0) << f.err;
  EXPECT_EQ(sorted_lines(f.out), "0 0 4\n1 1 4\n2 0 4\n3 1 4\n");
  EXPECT_EQ(f.err, "");
}

TEST_F(LaunchByAgents, HearsNothingOfWhatALoginShellPrints) {
  use_ssh("echo Welcome; echo Hello >&2\n" + std::string(kRun));
  const Finished f = run_script(1, "echo $MLX_RANK");
  EXPECT_EQ(f.exit_code, 0) << f.err;
  EXPECT_EQ(sorted_lines(f.out), "0\n1\n");
  EXPECT_EQ(f.err, "");
}

TEST_F(LaunchByAgents, NamesTheHostOfARankThatFails) {
  const Finished f = run_script(1, "[ $MLX_RANK = 0 ] && exec sleep 50; echo no disk >&2; exit 3");
  EXPECT_EQ(f.exit_code, 3);
  EXPECT_THAT(f.err, AllOf(HasSubstr("Rank 1 on b (process "), HasSubstr("  | no disk\n"),
                           HasSubstr("Stopped because of it: rank 0.")));
}

TEST_F(LaunchByAgents, SaysWhyAHostCannotBeUsed) {
  using namespace launch;
  std::string other(kMagic), garbage(kMagic);
  append_frame(other, FrameType::hello, to_payload(Hello{kProtocol + 1, "9.9", "b", ""}));
  garbage += "this is no frame";
  std::ofstream(folder_ + "/other", std::ios::binary) << other;
  std::ofstream(folder_ + "/garbage", std::ios::binary) << garbage;
  const struct {
    std::string script;
    const char* said;
  } rows[] = {
      {"echo 'Permission denied (publickey).' >&2; exit 255", "Permission denied (publickey)."},
      {"echo 'Host key verification failed.' >&2; exit 255", "its host key is not known"},
      {"exec sleep 50", "has not answered within 1 s"},
      {"exec cat /dev/zero", "prints without end"},
      {"exit 0", "ended with exit code 0"},
      {"kill -9 $$", "was killed by signal 9"},
      {"exec sh -c 'exit 127'", "it has no mlx-launch"},
      {"cat " + folder_ + "/other; exec sleep 50", "of another version: got 9.9 with protocol"},
      {"cat " + folder_ + "/garbage; exec sleep 50", "makes no sense"},
  };
  for (const auto& row : rows) {
    use_ssh(second_host(row.script));
    const Finished f = run_script(1, "echo started", {"--connect-timeout", "1"});
    EXPECT_EQ(f.exit_code, kHostFailed) << row.script;
    EXPECT_EQ(f.out, "") << row.script;
    EXPECT_THAT(f.err, AllOf(HasSubstr("mlx-launch: b cannot be used: "), HasSubstr(row.said)));
    EXPECT_LT(f.seconds, 10) << row.script;
  }
}

TEST_F(LaunchByAgents, StartsNothingWhereAnAgentCannotReachTheLauncher) {
  use_ssh(
      second_host("for last; do :; done; SSH_CONNECTION='127.0.0.2.invalid 1' exec sh -c "
                  "\"$last\""));
  const Finished f = run_script(1, "echo started", {"--connect-timeout", "5"});
  EXPECT_EQ(f.exit_code, kHostFailed);
  EXPECT_EQ(f.out, "");
  EXPECT_THAT(f.err, AllOf(HasSubstr("b: It cannot reach the launcher at 127.0.0.2.invalid:"),
                           HasSubstr("--starting-port")));
}

TEST_F(LaunchByAgents, NamesTheHostWhoseAgentIsKilled) {
  kill(start_and_find_second_agent(), SIGKILL);
  const Finished f = end();
  EXPECT_EQ(f.exit_code, kHostFailed);
  EXPECT_THAT(f.err, AllOf(HasSubstr("b was lost: "), HasSubstr("SIGKILL"),
                           HasSubstr("Stopped because of it: rank 0.")));
}

TEST_F(LaunchByAgents, NamesTheHostThatIsSilent) {
  kill(start_and_find_second_agent({"--env", "MLX_HEARTBEAT_LIMIT=3"}), SIGSTOP);
  const Finished f = end();
  EXPECT_EQ(f.exit_code, kHostFailed);
  EXPECT_THAT(f.err, HasSubstr("b was lost: it has said nothing for 3 s"));
  EXPECT_THAT(f.seconds, AllOf(Ge(3), Lt(20)));
}

TEST_F(LaunchByAgents, LeavesNothingWhenTheLauncherIsKilled) {
  Command& job = start_script(2, "(trap '' TERM; exec sleep 50) & echo up; sleep 51; sleep 52",
                              {"--grace", "0.3"});
  job.wait_for_output("up\nup\nup\nup\n");
  kill(job.pid(), SIGKILL);
  EXPECT_EQ(end().exit_code, 137);
}

TEST_F(LaunchByAgents, EndsRanksWhenTheLauncherIsSilent) {
  Command& job = start_script(1, "echo up; sleep 50", {"--env", "MLX_HEARTBEAT_LIMIT=3"});
  job.wait_for_output("up\nup\n");
  kill(job.pid(), SIGSTOP);
  for (int turn = 0; turn < 3000 && job.processes().size() > 1; ++turn) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_THAT(job.processes(), SizeIs(1));
  kill(job.pid(), SIGCONT);
  EXPECT_EQ(end().exit_code, kHostFailed);
}

TEST_F(LaunchByAgents, StartsTheJobAgainAfterAFailure) {
  const Finished f = run_script(1,
                                "echo $MLX_RANK: $MLX_RESTART_COUNT $MLX_GENERATION; "
                                "[ $MLX_RESTART_COUNT = 2 ] && exit; "
                                "[ $MLX_RANK = 1 ] && { sleep 0.2; exit 4; }; sleep 50",
                                {"--max-restarts", "3", "--log-dir", folder_ + "/logs"});
  EXPECT_EQ(f.exit_code, 0) << f.err;
  EXPECT_EQ(sorted_lines(f.out), "0: 0 0\n0: 1 1\n0: 2 2\n1: 0 0\n1: 1 1\n1: 2 2\n");
  EXPECT_THAT(f.err, AllOf(HasSubstr("Restart 1 of 3 because Rank 1 on b (process "),
                           HasSubstr("Restart 2 of 3"), Not(HasSubstr("Restart 3"))));
  EXPECT_EQ(content(folder_ + "/logs/1.out"), "1: 0 0\n");
  EXPECT_EQ(content(folder_ + "/logs/1.restart-2.out"), "1: 2 2\n");
}

TEST_F(LaunchByAgents, GivesUpAfterTheLastRestart) {
  const Finished f = run_script(1, "exit 6", {"--max-restarts", "1"});
  EXPECT_EQ(f.exit_code, 6);
  EXPECT_THAT(f.err, HasSubstr("Restart 1 of 1"));
}

TEST_F(LaunchByAgents, ConnectsAnewToAHostThatWasLost) {
  kill(start_and_find_second_agent({"--max-restarts", "1"}), SIGKILL);
  const Finished f = end();
  EXPECT_EQ(f.exit_code, 0) << f.err;
  EXPECT_EQ(std::count(f.out.begin(), f.out.end(), '\n'), 2) << f.out;
  EXPECT_THAT(f.err, HasSubstr("Restart 1 of 1 because b was lost: "));
}

TEST_F(LaunchByAgents, DoesNotStartAgainAfterCtrlC) {
  Command& job = start_script(1, "echo up; sleep 50", {"--max-restarts", "5"});
  job.wait_for_output("up\nup\n");
  kill(job.pid(), SIGINT);
  const Finished f = end();
  EXPECT_EQ(f.exit_code, 130);
  EXPECT_THAT(f.err, Not(HasSubstr("Restart")));
}

TEST_F(LaunchByAgents, StopsWhileAHostHasNotAnswered) {
  use_ssh(second_host("touch " + folder_ + "/there; exec sleep 50"));
  Command& job = start_script(1, "echo started");
  while (!fs::exists(folder_ + "/there")) usleep(2'000);
  kill(job.pid(), SIGTERM);
  const Finished f = end();
  EXPECT_EQ(f.exit_code, 143);
  EXPECT_EQ(f.out, "");
}

}  // namespace
}  // namespace mlx
