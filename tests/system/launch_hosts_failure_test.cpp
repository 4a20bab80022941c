// Jobs over several hosts in which a rank, a host or a path between them fails.

#include <gmock/gmock.h>
#include <signal.h>

#include <fstream>
#include <functional>
#include <thread>

#include "system/launch_on_hosts.h"

namespace mlx::test {
namespace {

using core::distributed::testing::Hosts;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Lt;
using ::testing::Not;

constexpr int kHostFailed = 255;
constexpr const char* kUpOnBoth = "up\nup\n";

class FailingHosts : public LaunchOnHosts {
 protected:
  FailingHosts() : LaunchOnHosts(2) {}

  /// One rank on each host that runs until it is stopped.
  Command& start_long(const Words& options = {}) {
    Command& job = start_script(1, "echo up; sleep 50", options);
    job.wait_for_output(kUpOnBoth);
    return job;
  }
  static void expect_soon_empty(const std::function<std::vector<pid_t>()>& processes) {
    for (int poll = 0; poll < 500 && !processes().empty(); ++poll) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_THAT(processes(), IsEmpty());
  }
  /// The end of a job that lost its second host.
  void expect_loss_of_second_host() {
    const Finished f = end();
    EXPECT_EQ(f.exit_code, kHostFailed) << f.err;
    EXPECT_THAT(f.err, HasSubstr("h2"));
    EXPECT_THAT(f.err, HasSubstr("Stopped because of it: rank 0."));
  }
  /// The end of a job that could not be started because of a host.
  void expect_no_start(const Finished& f, const std::string& reason) {
    EXPECT_EQ(f.exit_code, kHostFailed) << f.err;
    EXPECT_EQ(f.out, "");
    EXPECT_THAT(f.err, AllOf(HasSubstr("h2"), HasSubstr(reason)));
  }
};

TEST_F(FailingHosts, GiveTheExitCodeOfTheRankThatFails) {
  const struct {
    const char* script;
    int code;
    const char* said;
  } rows[] = {
      {"exit 7", 7, "ended with exit code 7"},
      {"sleep 0.3; echo disk full >&2; exit 3", 3, "  | disk full\n"},
      {"exit 255", 255, "ended with exit code 255"},
      {"kill -SEGV $$", 139, "was killed by signal 11 (SIGSEGV)"},
      {"sleep 0.3; kill -9 $$", 137, "was killed by signal 9 (SIGKILL)"},
  };
  for (const auto& row : rows) {
    const Finished f =
        run_script(2, std::string("[ $MLX_RANK = 2 ] || exec sleep 50; ") + row.script);
    EXPECT_EQ(f.exit_code, row.code) << f.err;
    EXPECT_LT(f.seconds, 8) << row.script;
    EXPECT_THAT(f.err, AllOf(HasSubstr("Rank 2 "), HasSubstr("h2"), HasSubstr(row.said),
                             HasSubstr("Stopped because of it: ranks 0, 1, 3.")));
  }
}

TEST_F(FailingHosts, KillRanksThatIgnoreSigterm) {
  const Finished f = run_script(
      1, "[ $MLX_RANK = 0 ] && { sleep 0.5; exit 5; }; trap '' TERM; while :; do sleep 0.1; done",
      {"--grace", "0.5"});
  EXPECT_EQ(f.exit_code, 5);
  EXPECT_THAT(f.seconds, AllOf(Ge(1), Lt(10)));
}

TEST_F(FailingHosts, StopWhatRanksHaveStarted) {
  const Finished f = run_script(
      2, "sleep 50 & (setsid sleep 51 &) ; sleep 0.5; [ $MLX_RANK = 3 ] && exit 6; sleep 52");
  EXPECT_EQ(f.exit_code, 6);
  EXPECT_LT(f.seconds, 10);
}

TEST_F(FailingHosts, StopOnCtrlC) {
  Command& job = start_script(1,
                              "trap 'echo saved; exit 0' TERM; echo up; "
                              "while :; do sleep 0.05; done");
  job.wait_for_output(kUpOnBoth);
  kill(job.pid(), SIGINT);
  const Finished f = end();
  EXPECT_EQ(f.exit_code, 130);
  EXPECT_EQ(f.out, "up\nup\nsaved\nsaved\n");
}

TEST_F(FailingHosts, KillRanksOnTheSecondCtrlC) {
  Command& job = start_script(1, "trap 'echo no' TERM; echo up; while :; do sleep 0.05; done",
                              {"--grace", "100"});
  job.wait_for_output(kUpOnBoth);
  kill(job.pid(), SIGINT);
  job.wait_for_output("no\nno\n");
  kill(job.pid(), SIGINT);
  EXPECT_EQ(end().exit_code, 130);
}

TEST_F(FailingHosts, StopWhenTimeIsUp) {
  EXPECT_EQ(run_script(1, "sleep 50", {"--timeout", "2"}).exit_code, 124);
}

TEST_F(FailingHosts, KeepNothingWhenTheLauncherIsKilled) {
  Command& job = start_script(2, "(trap '' TERM; exec sleep 50) & echo up; sleep 51; sleep 52",
                              {"--grace", "0.3"});
  job.wait_for_output("up\nup\nup\nup\n");
  kill(job.pid(), SIGKILL);
  EXPECT_EQ(job.wait().exit_code, 137);
  expect_soon_empty([&] { return job.processes(); });  // the connections of ssh
}

TEST_F(FailingHosts, AreNamedWhenTheirConnectionIsCut) {
  start_long();
  for (const pid_t process : hosts_.processes(1, "sshd: root@")) kill(process, SIGKILL);
  expect_loss_of_second_host();
}

TEST_F(FailingHosts, AreNamedWhenTheyLosePower) {
  start_long();
  hosts_.kill(1);
  expect_loss_of_second_host();
}

TEST_F(FailingHosts, AreNamedWhenTheirAgentIsKilled) {
  start_long();
  for (const pid_t process : hosts_.processes(1, "--agent")) kill(process, SIGKILL);
  expect_loss_of_second_host();
}

// The host that is cut off ends its ranks too. Its sshd still waits for the network.
TEST_F(FailingHosts, AreNamedWhenTheirCableIsPulled) {
  start_long({"--env", "MLX_HEARTBEAT_LIMIT=2"});
  hosts_.networks().unplug(1);
  const Finished f = command_->wait();
  EXPECT_EQ(f.exit_code, kHostFailed) << f.err;
  EXPECT_THAT(f.err, HasSubstr("h2"));
  expect_soon_empty([&] { return hosts_.processes(1, "sleep"); });
  expect_soon_empty([&] { return hosts_.processes(1, "--agent"); });
  hosts_.kill(1);
}

// A rank notices first that its peer has vanished; the host is to blame all the same.
TEST_F(FailingHosts, AreBlamedRatherThanRanksThatMissTheirPeers) {
  Command& job = start_script(1,
                              "echo up; [ $MLX_RANK = 1 ] && exec sleep 50; "
                              "until [ -e /tmp/lost ]; do sleep 0.02; done; exit 9");
  job.wait_for_output(kUpOnBoth);
  hosts_.kill(1);
  hosts_.run(0, "touch /tmp/lost");
  const Finished f = command_->wait();
  hosts_.run(0, "rm /tmp/lost");
  EXPECT_EQ(f.exit_code, kHostFailed) << f.err;
  EXPECT_THAT(f.err, HasSubstr("h2"));
}

TEST_F(FailingHosts, ThatDoNotExistAreNamed) {
  const Finished f = run({"--hosts", "h1,10.77.0.99", "--connect-timeout", "1", "--cwd", "/", "--",
                          "/bin/sh", "-c", "echo started"});
  EXPECT_EQ(f.exit_code, kHostFailed);
  EXPECT_EQ(f.out, "");
  EXPECT_THAT(f.err, HasSubstr("10.77.0.99"));
  EXPECT_LT(f.seconds, 8);
}

TEST_F(FailingHosts, ThatAcceptButNeverAnswerAreNamed) {
  hosts_.stop_answering(1);
  const Finished f = start_script(1, "echo started", {"--connect-timeout", "1"}).wait();
  expect_no_start(f, "");
  EXPECT_LT(f.seconds, 8);
  hosts_.kill(1);  // what its sshd has begun stands still
}

TEST_F(FailingHosts, WhoseLoginShellHangsAreNamed) {
  hosts_.run(1, "echo 'sleep 1000' > /run/home/.bashrc");
  const Finished f = start_script(1, "echo started", {"--connect-timeout", "2"}).wait();
  expect_no_start(f, "");
  EXPECT_LT(f.seconds, 10);
  hosts_.kill(1);  // its shell goes on
}

TEST_F(FailingHosts, WhoseLoginShellRefusesAreNamed) {
  hosts_.run(1, "echo 'echo This account is closed. >&2; exit 3' > /run/home/.bashrc");
  expect_no_start(run_script(1, "echo started"), "This account is closed.");
}

TEST_F(FailingHosts, WithAnotherKeyThanExpectedAreNotTrusted) {
  Hosts::run("sed -i 's/^h2,[^ ]* /h2,gone /; s/^h1,[^ ]*/&,10.77.0.2/' " + hosts_.folder() +
             "/known_hosts");
  expect_no_start(run_script(1, "echo started"), "Host key verification failed.");
}

TEST_F(FailingHosts, WithAnUnknownKeyAreNotTrusted) {
  Hosts::run("sed -i '/^h2,/d' " + hosts_.folder() + "/known_hosts");
  expect_no_start(run_script(1, "echo started"), "Host key verification failed.");
}

// On a terminal ssh would ask, for ever.
TEST_F(FailingHosts, ThatWantAPasswordAreNotWaitedFor) {
  hosts_.run(1, "echo > /run/host/authorized_keys");
  const std::string job = std::string(MLX_LAUNCH) + " --ssh '" + hosts_.ssh() +
                          "' --hosts h1,h2 --cwd / -- echo started";
  command_ = std::make_unique<Command>(
      Words{"/usr/bin/script", "--quiet", "--return", "--command", job, "/dev/null"}, setting_);
  const Finished f = end();
  EXPECT_EQ(f.exit_code, kHostFailed);
  EXPECT_THAT(f.out,
              AllOf(HasSubstr("h2"), HasSubstr("Permission denied"), Not(HasSubstr("started"))));
}

TEST_F(FailingHosts, WithoutTheProgramAreNamed) {
  hosts_.run(0, "printf '#!/bin/sh\\nsleep 50\\n' > /run/home/program; chmod +x /run/home/program");
  const Finished f = run({"--hosts", names(), "--cwd", "/run/home", "./program"});
  EXPECT_EQ(f.exit_code, 127) << f.err;
  EXPECT_THAT(f.err, AllOf(HasSubstr("h2"), HasSubstr("program")));
  hosts_.run(0, "rm /run/home/program");
}

TEST_F(FailingHosts, WithoutTheFolderAreNamed) {
  hosts_.run(0, "mkdir /run/home/work");
  const Finished f = run({"--hosts", names(), "--cwd", "/run/home/work", "true"});
  EXPECT_NE(f.exit_code, 0);
  EXPECT_THAT(f.err, AllOf(HasSubstr("h2"), HasSubstr("/run/home/work")));
}

TEST_F(FailingHosts, ThatCannotReachTheLauncherAreNamed) {
  hosts_.put_behind_firewall(1);
  const Finished f = run_script(1, "echo started", {"--connect-timeout", "2"});
  expect_no_start(f, "firewall");
  EXPECT_LT(f.seconds, 20);
}

TEST_F(FailingHosts, AreNotReachedWithAWrongHostfile) {
  const struct {
    const char* text;
    const char* said;
  } rows[] = {
      {"[\n  {\"ssh\": \"h1\"},\n  {\"ssh\": \"h2\", \"port\": 70000}\n]", ":3"},
      {"[\n  {\"ssh\": \"h1\"},\n  {\"ips\": [\"10.77.0.2\"]}\n]", "ssh"},
      {"[{\"ssh\": \"h1\"}", "hosts.json:1"},
      {"[]", "hosts.json"},
  };
  const std::string file = hosts_.folder() + "/hosts.json";
  for (const auto& row : rows) {
    std::ofstream(file) << row.text;
    const Finished f = run({"--hostfile", file, "echo", "started"});
    EXPECT_EQ(f.exit_code, 2) << f.err;
    EXPECT_EQ(f.out, "");
    EXPECT_THAT(f.err, AllOf(HasSubstr("hosts.json"), HasSubstr(row.said)));
  }
}

TEST_F(FailingHosts, StartTheJobAgain) {
  const Finished f = run_script(1,
                                "echo $MLX_RANK: $MLX_RESTART_COUNT $MLX_GENERATION; "
                                "[ $MLX_RESTART_COUNT = 2 ] && exit 0; "
                                "[ $MLX_RANK = 1 ] && { sleep 0.3; exit 4; }; sleep 50",
                                {"--max-restarts", "3"});
  EXPECT_EQ(f.exit_code, 0) << f.err;
  EXPECT_EQ(by_rank(f.out),
            (std::map<std::string, std::string>{{"0", "0: 0 0\n0: 1 1\n0: 2 2\n"},
                                                {"1", "1: 0 0\n1: 1 1\n1: 2 2\n"}}));
  EXPECT_THAT(f.err, AllOf(HasSubstr("Restart 1 of 3"), HasSubstr("Restart 2 of 3"),
                           Not(HasSubstr("Restart 3 of 3"))));
}

TEST_F(FailingHosts, AreConnectedAnewAfterACut) {
  Command& job =
      start_script(1, "echo up $MLX_RESTART_COUNT; [ $MLX_RESTART_COUNT = 1 ] || sleep 50",
                   {"--max-restarts", "1"});
  job.wait_for_output("up 0\nup 0\n");
  for (const pid_t process : hosts_.processes(1, "sshd: root@")) kill(process, SIGKILL);
  const Finished f = end();
  EXPECT_EQ(f.exit_code, 0) << f.err;
  EXPECT_EQ(f.out, "up 0\nup 0\nup 1\nup 1\n");
}

}  // namespace
}  // namespace mlx::test
