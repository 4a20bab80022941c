// mlx-distributed-config with several hosts: what it finds, what it says when
// something is wrong, and that it leaves nothing.

#include <gmock/gmock.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "system/command.h"
#include "system/ssh_hosts.h"

namespace mlx::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Lt;
using ::testing::Not;
using Words = std::vector<std::string>;

class Config : public testing::Test {
 protected:
  Config() {
    setting_.folder = hosts_.folder() + "/config";
    fs::create_directory(setting_.folder);
  }
  ~Config() override {
    command_.reset();
    EXPECT_THAT(hosts_.leftovers(), IsEmpty());
  }

  Command& start(Words words, const std::string& program = MLX_DISTRIBUTED_CONFIG) {
    words.insert(words.begin(), {program, "--ssh", hosts_.ssh()});
    return *(command_ = std::make_unique<Command>(words, setting_));
  }
  Finished run(const Words& words) {
    Finished finished = start(words).wait();
    EXPECT_THAT(command_->processes(), IsEmpty());
    return finished;
  }
  json run_json(Words words, int exit_code) {
    words.push_back("--json");
    const Finished f = run(words);
    EXPECT_EQ(f.exit_code, exit_code) << f.out << f.err;
    EXPECT_EQ(f.err, "");
    return json::parse(f.out);
  }
  /// Its sshd goes on, and buries the connections that have ended.
  void answer_again(int host) const { hosts_.run(host, "kill -CONT 1"); }
  std::string file() const { return hosts_.folder() + "/hosts.json"; }

  SshHosts hosts_{3};
  Command::Setting setting_;
  std::unique_ptr<Command> command_;
};

std::vector<std::string> problems(const json& result) {
  std::vector<std::string> texts;
  for (const json& f : result["findings"]) {
    if (f["problem"]) texts.push_back(f["text"]);
  }
  return texts;
}

/// The path between two hosts over their addresses of a kind.
json path(const json& result, const std::string& from, const std::string& to, bool ipv6 = false) {
  for (const json& p : result["paths"]) {
    const bool six = p["from_address"].get<std::string>().find(':') != std::string::npos;
    if (p["from"] == from && p["to"] == to && six == ipv6) return p;
  }
  ADD_FAILURE() << "no path from " << from << " to " << to;
  return {};
}

TEST_F(Config, MeasuresHostsAndFindsTheSlowLink) {
  hosts_.networks().limit_bandwidth(2, 5);
  const json r = run_json({"--hosts", "h1,h2,h3", "--seconds", "0.2"}, 0);
  EXPECT_EQ(r["hosts"][2]["facts"]["hostname"], "h3");
  EXPECT_GT(r["hosts"][1]["facts"]["processor"]["threads"], 0);
  EXPECT_LT(r["hosts"][1]["clock"]["error_s"], 5.0);
  const json slow = path(r, "h1", "h3"), fast = path(r, "h1", "h2");
  EXPECT_LT(slow["back_bps"], 10e6);
  EXPECT_GT(slow["back_bps"], 1e6);
  EXPECT_GT(fast["back_bps"], 20e6);
  EXPECT_GT(fast["round_trip_s"], 0.0);
  EXPECT_TRUE(path(r, "h2", "h3", true)["works"]);
  EXPECT_EQ(r["choice"]["backend"], "ring");
  EXPECT_EQ(r["choice"]["shape"], "mesh");
  EXPECT_EQ(r["hostfile"]["hosts"].size(), 3u);
}

TEST_F(Config, WritesAHostfileThatItsCheckAccepts) {
  const Finished f = run(
      {"--seconds", "0.05", "--hosts", "h1,h2,h3", "--env", "A=b", "--output-hostfile", file()});
  EXPECT_EQ(f.exit_code, 0) << f.err;
  EXPECT_EQ(f.err, "");
  EXPECT_THAT(f.out, AllOf(HasSubstr("3 hosts, all of them can be used.\n"),
                           HasSubstr("\nHostfile: " + file()), Not(HasSubstr("\x1b"))));
  const json written = json::parse(content(file()));
  EXPECT_EQ(written["envs"], json::parse(R"(["A=b"])"));
  EXPECT_EQ(written["hosts"][0]["ssh"], "h1");
  const Finished job = Command({MLX_LAUNCH, "--ssh", hosts_.ssh(), "--hostfile", file(), "--cwd",
                                "/", "--", "/bin/sh", "-c", "echo $MLX_RANK $(hostname) $A"},
                               setting_)
                           .wait();
  EXPECT_THAT(job.out, AllOf(HasSubstr("0 h1 b\n"), HasSubstr("1 h2 b\n"), HasSubstr("2 h3 b\n")))
      << job.err;
  const Finished check = run({"--check", file(), "--starting-port", "32000"});
  EXPECT_EQ(check.exit_code, 0) << check.out;
  EXPECT_THAT(check.out, HasSubstr("Nothing is wrong."));
}

TEST_F(Config, AHostThatIsListedTwiceIsAskedOnce) {
  const json r = run_json({"--seconds", "0", "--hosts", "h1,h2,h1"}, 0);
  EXPECT_EQ(r["hosts"].size(), 2u);
  EXPECT_EQ(r["hostfile"]["hosts"][0]["slots"], 2);
  EXPECT_FALSE(path(r, "h1", "h2").contains("forth_bps"));
}

TEST_F(Config, PrintsOnlyAHostfileOnRequestAndAGraph) {
  const Finished f = run({"--seconds", "0.05", "--hosts", "h1,h2", "--output-hostfile", "-"});
  EXPECT_EQ(json::parse(f.out)["hosts"].size(), 2u);
  EXPECT_THAT(f.err, HasSubstr("2 hosts"));
  const Finished dot = run({"--seconds", "0.05", "--hosts", "h1,h2", "--dot"});
  EXPECT_THAT(dot.out, AllOf(HasSubstr("graph mlx {"), HasSubstr("\"h1\" -- \"h2\" [label=")));
}

TEST_F(Config, CheckNamesEachThingThatIsNotTrue) {
  std::ofstream(file()) << R"([
      {"ssh": "h1", "ips": ["10.0.0.77"], "rdma": [null, null, null]},
      {"ssh": "h2", "rdma": ["mlx5_0", null, null]},
      {"ssh": "h3", "rdma": [null, null, null]}])";
  hosts_.run(2,
             "python3 -c 'import socket, time; s = socket.create_server((\"\", 32002)); "
             "time.sleep(1000)' > /dev/null 2>&1 & "
             "until grep -q :7D02 /proc/net/tcp; do sleep 0.01; done");
  const json r = run_json({"--check", file(), "--starting-port", "32000"}, 1);
  EXPECT_THAT(problems(r),
              ElementsAre(HasSubstr("h1 does not have the address 10.0.0.77; it has "),
                          HasSubstr("h2 has no RDMA device mlx5_0"), "h3: port 32002 is in use."));
  EXPECT_FALSE(r.contains("choice"));
  for (const pid_t process : hosts_.processes(2, "python3")) kill(process, SIGKILL);
}

TEST_F(Config, ABlockedPortIsNamedAndOpenedOnRequest) {
  hosts_.run(1,
             "nft add table inet filter && "
             "nft 'add chain inet filter input { type filter hook input priority 0; }' && "
             "nft add rule inet filter input tcp dport 32001 reject");
  const Words words{"--seconds", "0.05", "--hosts", "h1,h2", "--starting-port", "32000"};
  json r = run_json(words, 1);
  EXPECT_THAT(problems(r), testing::Contains(HasSubstr("h1 does not reach port 32001 of h2 at")));
  EXPECT_THAT(r["setup"], IsEmpty());

  Words setup = words;
  setup.push_back("--auto-setup");
  const Finished shown = run(setup);
  EXPECT_EQ(shown.exit_code, 1);
  EXPECT_THAT(shown.err, AllOf(HasSubstr("h2: nft insert rule inet filter input ip saddr"),
                               HasSubstr("nothing was run")));
  EXPECT_THAT(hosts_.run(1, "nft list ruleset"), Not(HasSubstr("accept\n")));

  setup.push_back("--yes");
  const Finished done = run(setup);
  EXPECT_EQ(done.exit_code, 0) << done.out << done.err;
  EXPECT_THAT(done.err, HasSubstr("accept: done"));
  EXPECT_THAT(done.out, Not(HasSubstr("problem: ")));
}

// Types yes at a terminal when asked; what was seen there.
std::string say_yes(const Words& words) {
  int terminal = -1;
  const pid_t pid = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (pid == 0) {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    execv(arguments[0], arguments.data());
    _exit(99);
  }
  std::string seen;
  char buffer[4096];
  bool answered = false;
  for (ssize_t n; (n = read(terminal, buffer, sizeof buffer)) > 0;) {
    seen.append(buffer, static_cast<size_t>(n));
    if (!answered && seen.find("Type yes: ") != std::string::npos) {
      answered = write(terminal, "yes\n", 4) == 4;
    }
  }
  close(terminal);
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0) << seen;
  return seen;
}

TEST_F(Config, AsksAPersonBeforeItRunsCommandsAndShowsProgress) {
  hosts_.run(1, "ip link set dev eth0 mtu 1400");
  const std::string seen = say_yes({MLX_DISTRIBUTED_CONFIG, "--ssh", hosts_.ssh(), "--hosts",
                                    "h1,h2,h3", "--seconds", "0.05", "--auto-setup"});
  EXPECT_THAT(
      seen,
      AllOf(HasSubstr("\r\x1b[KConnecting ..."), HasSubstr("an MTU of 1500, not 1400"),
            HasSubstr("h2: ip link set dev eth0 mtu 1500: done"), Not(HasSubstr("problem: "))));
  EXPECT_THAT(hosts_.run(1, "ip link show dev eth0"), HasSubstr("mtu 1500"));
}

TEST_F(Config, HostsThatDoNotReachEachOther) {
  hosts_.networks().part(0, 1);  // over IPv4 alone
  const json over_ipv6 = run_json({"--seconds", "0.05", "--hosts", "h1,h2,h3"}, 0);
  EXPECT_FALSE(path(over_ipv6, "h1", "h2")["works"]);
  for (int host = 0; host < 2; ++host) {
    EXPECT_EQ(over_ipv6["hostfile"]["hosts"][host]["ips"], json({SshHosts::address6(host)}));
  }
  hosts_.run(0, "ip -6 addr flush dev eth0 scope global");
  const json apart = run_json({"--seconds", "0.05", "--hosts", "h1,h2,h3"}, 1);
  EXPECT_THAT(problems(apart), ElementsAre(AllOf(HasSubstr("h1 and h2 do not reach each other"),
                                                 HasSubstr("no answer"))));
  EXPECT_EQ(apart["choice"]["shape"], "ring");
  EXPECT_THAT(apart["choice"]["troubles"][0].get<std::string>(),
              HasSubstr("h1 has no address that all other hosts"));
}

TEST_F(Config, WhoDoesNotAnswerIsNamedAndLeftOutOnRequest) {
  hosts_.stop_answering(2);
  const Words words{"--seconds", "0.05", "--hosts", "h1,h2,h3", "--connect-timeout", "2"};
  const json lost = run_json(words, 1);
  EXPECT_THAT(problems(lost), ElementsAre(HasSubstr("h3: ")));
  EXPECT_FALSE(lost.contains("hostfile"));
  Words without = words;
  without.push_back("--ignore-unreachable");
  const json r = run_json(without, 0);
  EXPECT_EQ(r["hostfile"]["hosts"].size(), 2u);
  EXPECT_EQ(r["findings"][0]["kind"], "host");
  answer_again(2);
}

TEST_F(Config, HostKeysAndLoginsAreExplainedAndNothingIsAskedFor) {
  std::string known = content(hosts_.folder() + "/known_hosts");
  ASSERT_THAT(known, HasSubstr("h2"));
  std::string others;
  std::istringstream lines(known);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("h2") == std::string::npos) others += line + "\n";
  }
  std::ofstream(hosts_.folder() + "/known_hosts") << others;
  const json r = run_json({"--hosts", "h1,h2,nobody@h3,no-such-host"}, 1);
  EXPECT_EQ(r["hosts"][0]["usable"], true);
  EXPECT_THAT(
      problems(r),
      ElementsAre(HasSubstr("h2: its host key is not known"), HasSubstr("h3: ssh is not let in"),
                  AllOf(HasSubstr("no-such-host: ssh failed"), HasSubstr("resolve"))));
}

TEST_F(Config, AHostWithoutTheProgramSaysSo) {
  // Hosts do not share /tmp.
  std::string folder = (fs::temp_directory_path() / "mlx-config-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  fs::copy(MLX_DISTRIBUTED_CONFIG, folder);
  const std::string program = folder + "/mlx-distributed-config";
  const Finished f = start({"--hosts", "h1"}, program).wait();
  EXPECT_EQ(f.exit_code, 1);
  EXPECT_THAT(f.out, HasSubstr("h1: mlx-distributed-config is not installed there"));
  fs::remove_all(folder);
}

TEST_F(Config, ATalkativeLoginShellDoesNotDisturb) {
  hosts_.run(0, "echo 'echo Welcome; echo {}; seq 1000' > ~/.bashrc");
  const Finished f = run({"--seconds", "0.05", "--hosts", "h1,h2"});
  EXPECT_EQ(f.exit_code, 0) << f.out << f.err;
  EXPECT_THAT(f.out, HasSubstr("2 hosts, all of them can be used."));
}

TEST_F(Config, CtrlCEndsEverything) {
  hosts_.stop_answering(2);
  Command& command = start({"--hosts", "h1,h2,h3", "--verbose", "--connect-timeout", "30"});
  while (hosts_.processes(0, "--probe").empty()) usleep(1000);
  kill(command.pid(), SIGINT);
  const Finished f = command.wait();
  EXPECT_EQ(f.exit_code, 130);
  EXPECT_THAT(f.seconds, Lt(20));
  EXPECT_THAT(command.processes(), IsEmpty());
  answer_again(2);
}

TEST_F(Config, KilledItLeavesNothingEither) {
  Command& command = start({"--hosts", "h1,h2", "--verbose", "--seconds", "5"});
  while (hosts_.processes(0, "--probe").empty()) usleep(1000);
  kill(command.pid(), SIGKILL);
  EXPECT_EQ(command.wait().exit_code, 128 + SIGKILL);
  EXPECT_THAT(hosts_.leftovers(), IsEmpty());
  EXPECT_THAT(command.processes(), IsEmpty());
}

TEST_F(Config, WrongHostfilesAreUsageErrors) {
  std::ofstream(file()) << R"([{"ssh": "h1", "port": 70000}])";
  for (const char* option : {"--check", "--hostfile"}) {
    const Finished f = run({option, file()});
    EXPECT_EQ(f.exit_code, 2);
    EXPECT_THAT(f.err, AllOf(HasSubstr("hosts.json:1"), HasSubstr("port")));
  }
  EXPECT_EQ(run({"--check", hosts_.folder() + "/missing.json"}).exit_code, 2);
}

}  // namespace
}  // namespace mlx::test
