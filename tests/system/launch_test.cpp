// mlx-launch as a user runs it, with small shell programs as ranks. After each
// test no process, no file and no listening port of it may be left.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <thread>

#include "system/launch_job.h"

namespace mlx {
namespace {

namespace fs = std::filesystem;
using test::by_rank;
using test::Command;
using test::content;
using test::Finished;
using test::numbered_lines;
using test::Words;
using testing::AllOf;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Lt;
using testing::Not;

class Launch : public test::LaunchJob {};

TEST_F(Launch, TellsEveryRankWhoItIs) {
  const Finished f =
      run_script(3,
                 "echo $MLX_RANK: $MLX_WORLD_SIZE $MLX_LOCAL_RANK ${#MLX_JOB_SECRET} $A; "
                 "[ -n \"$MLX_RENDEZVOUS\" ] && [ \"$OMP_NUM_THREADS\" -ge 1 ] && pwd",
                 {"--env", "A=b c", "--cwd", "/"});
  EXPECT_EQ(f.exit_code, 0) << f.err;
  const auto lines = by_rank(f.out);
  for (const char* rank : {"0", "1", "2"}) {
    EXPECT_EQ(lines.at(rank), std::string(rank) + ": 3 " + rank + " 64 b c\n");
  }
  EXPECT_EQ(lines.at("/"), "/\n/\n/\n");
}

TEST_F(Launch, KeepsTheSecretOffCommandLinesAndMessages) {
  Command& job = start_script(2, "echo $MLX_JOB_SECRET; echo up; sleep 50", {"--verbose"});
  job.wait_for_output("up");
  std::string command_lines;
  for (const pid_t pid : job.processes()) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline", std::ios::binary);
    command_lines += std::string(std::istreambuf_iterator<char>(file), {});
  }
  kill(job.pid(), SIGTERM);
  const Finished f = end();
  const std::string secret = f.out.substr(0, f.out.find('\n'));
  EXPECT_THAT(secret, testing::SizeIs(64));
  EXPECT_THAT(command_lines, AllOf(HasSubstr("sleep"), Not(HasSubstr(secret))));
  EXPECT_THAT(f.err, AllOf(HasSubstr("Rank 1 is process"), Not(HasSubstr(secret))));
}

TEST_F(Launch, ReturnsTheExitCodeOfTheRankThatFails) {
  const struct {
    const char* script;
    int code;
  } rows[] = {{"exit 0", 0},
              {"[ $MLX_RANK = 0 ] || exit 7", 7},
              {"exit 255", 255},
              {"[ $MLX_RANK = 1 ] || kill -SEGV $$", 139},
              {"kill -9 $$", 137}};
  for (const auto& row : rows) {
    EXPECT_EQ(run_script(2, row.script).exit_code, row.code) << row.script;
  }
}

TEST_F(Launch, StopsTheOthersWhenOneFails) {
  const Finished f = run_script(
      4, "if [ $MLX_RANK = 2 ]; then sleep 0.2; echo disk full >&2; exit 3; fi; sleep 50");
  EXPECT_EQ(f.exit_code, 3);
  EXPECT_LT(f.seconds, 3);
  EXPECT_THAT(f.err, AllOf(HasSubstr("Rank 2 (process "), HasSubstr("ended with exit code 3."),
                           HasSubstr("  | disk full\n"),
                           HasSubstr("Stopped because of it: ranks 0, 1, 3.")));
}

TEST_F(Launch, NamesTheSignalThatKilledARank) {
  Command& job = start_script(2, "[ $MLX_RANK = 1 ] && echo $$ up; sleep 50");
  kill(std::stoi(job.wait_for_output("up")), SIGKILL);
  const Finished f = end();
  EXPECT_EQ(f.exit_code, 137);
  EXPECT_LT(f.seconds, 3);
  EXPECT_THAT(f.err,
              AllOf(HasSubstr("Rank 1 (process "), HasSubstr("was killed by signal 9 (SIGKILL).")));
}

TEST_F(Launch, KillsARankThatIgnoresSigterm) {
  const Finished f = run_script(2,
                                "[ $MLX_RANK = 0 ] && { sleep 0.2; exit 5; }; "
                                "trap '' TERM; while :; do sleep 0.1; done",
                                {"--grace", "0.5"});
  EXPECT_EQ(f.exit_code, 5);
  EXPECT_THAT(f.seconds, AllOf(Ge(0.5), Lt(5)));
}

TEST_F(Launch, StopsARankThatIsSuspended) {
  const Finished f = run_script(2, "[ $MLX_RANK = 0 ] && kill -STOP $$; sleep 0.3; exit 4");
  EXPECT_EQ(f.exit_code, 4);
  EXPECT_LT(f.seconds, 3);
}

TEST_F(Launch, StopsWhatTheRanksHaveStarted) {
  const Finished f = run_script(
      2, "sleep 50 & (setsid sleep 51 &) ; sleep 0.3; [ $MLX_RANK = 1 ] && exit 6; sleep 52");
  EXPECT_EQ(f.exit_code, 6);
  EXPECT_LT(f.seconds, 5);
}

TEST_F(Launch, DoesNotWaitForProcessesThatOutliveTheirRank) {
  const Finished f = run_script(2, "(trap '' TERM; exec sleep 50) & setsid sleep 51 & echo done",
                                {"--grace", "0.2"});
  EXPECT_EQ(f.exit_code, 0);
  EXPECT_EQ(f.out, "done\ndone\n");
  EXPECT_LT(f.seconds, 5);
}

TEST_F(Launch, ForwardsWhatAnOutlivingProcessStillSays) {
  const Finished f = run_script(2, "(sleep 0.3; echo late) & echo soon");
  EXPECT_EQ(f.out, "soon\nsoon\nlate\nlate\n");
  EXPECT_EQ(f.exit_code, 0);
}

TEST_F(Launch, LeavesNothingWhenTheLauncherIsKilled) {
  Command& job = start_script(3, "(trap '' TERM; exec sleep 50) & echo up; sleep 51; sleep 52",
                              {"--grace", "0.3"});
  job.wait_for_output("up\nup\nup\n");
  EXPECT_THAT(job.processes(), testing::SizeIs(Ge(8)));  // launcher, watchdog, ranks, children
  kill(job.pid(), SIGKILL);
  EXPECT_EQ(job.wait().exit_code, 137);
  for (int turn = 0; turn < 500 && !job.processes().empty(); ++turn) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_THAT(job.processes(), IsEmpty());
}

TEST_F(Launch, StopsOnSigterm) {
  Command& job = start_script(2, "echo up; sleep 50");
  job.wait_for_output("up\nup\n");
  kill(job.pid(), SIGTERM);
  const Finished f = end();
  EXPECT_EQ(f.exit_code, 143);
  EXPECT_THAT(f.err, AllOf(HasSubstr("SIGTERM"), HasSubstr("Stopped ranks 0, 1.")));
}

TEST_F(Launch, GivesTheRanksTimeOnTheFirstCtrlC) {
  Command& job = start_script(2,
                              "trap 'echo saved; exit 0' TERM; echo up; "
                              "while :; do sleep 0.05; done");
  job.wait_for_output("up\nup\n");
  kill(job.pid(), SIGINT);
  const Finished f = end();
  EXPECT_EQ(f.exit_code, 130);
  EXPECT_EQ(f.out, "up\nup\nsaved\nsaved\n");
}

TEST_F(Launch, KillsTheRanksOnTheSecondCtrlC) {
  Command& job = start_script(2, "trap 'echo no' TERM; echo up; while :; do sleep 0.05; done",
                              {"--grace", "100"});
  job.wait_for_output("up\nup\n");
  kill(job.pid(), SIGINT);
  job.wait_for_output("no\n");
  kill(job.pid(), SIGINT);
  EXPECT_EQ(end().exit_code, 130);
}

TEST_F(Launch, StopsWhenTimeIsUp) {
  const Finished f = run_script(2, "sleep 50", {"--timeout", "0.5"});
  EXPECT_EQ(f.exit_code, 124);
  EXPECT_THAT(f.seconds, AllOf(Ge(0.5), Lt(4)));
  EXPECT_THAT(f.err, HasSubstr("time limit of 0.5 s"));
}

TEST_F(Launch, ForwardsAMillionLinesToTheByte) {
  const Finished f =
      run_script(8, "seq -f $MLX_RANK:%.0f 1 125000; seq -f $MLX_RANK:%.0f 1 20000 >&2");
  EXPECT_EQ(f.exit_code, 0);
  const auto out = by_rank(f.out), err = by_rank(f.err);
  EXPECT_EQ(out.size(), 8u);
  EXPECT_EQ(err.size(), 8u);
  for (int rank = 0; rank < 8; ++rank) {
    const std::string number = std::to_string(rank);
    EXPECT_TRUE(out.at(number) == numbered_lines(number + ":", 125000)) << "rank " << rank;
    EXPECT_TRUE(err.at(number) == numbered_lines(number + ":", 20000)) << "rank " << rank;
  }
}

TEST_F(Launch, LosesNothingOfARankThatFails) {
  const Finished f =
      run_script(2, "seq 1 9000; [ $MLX_RANK = 1 ] && exit 1; sleep 50", {"--tag-output"});
  EXPECT_THAT(f.out, HasSubstr("[1]: 9000\n"));
}

TEST_F(Launch, EndsTheLastLineOfARankUnlessItIsAlone) {
  EXPECT_EQ(run_script(2, "printf hello").out, "hello\nhello\n");
  EXPECT_EQ(run_script(1, "printf hello").out, "hello");
  EXPECT_EQ(run_script(1, "printf hello", {"--tag-output"}).out, "[0]: hello\n");
}

TEST_F(Launch, CopiesStandardInputToEveryRank) {
  setting_.input = numbered_lines("", 300000);  // about 2 MB
  const Finished f = run_script(3, "[ $MLX_RANK = 1 ] && exec sleep 1; cksum; cat");
  EXPECT_EQ(f.exit_code, 0);
  std::istringstream lines(f.out);
  std::string first, second;
  std::getline(lines, first);
  std::getline(lines, second);
  EXPECT_EQ(first, second);
  EXPECT_THAT(first, HasSubstr(" " + std::to_string(setting_.input.size())));
}

TEST_F(Launch, ClosesStandardInputAtItsEnd) {
  EXPECT_EQ(run_script(2, "cat; echo end").out, "end\nend\n");
}

TEST_F(Launch, GivesStandardInputToTheRankThatIsNamed) {
  setting_.input = "hello\n";
  const struct {
    const char* whom;
    const char* first;
    const char* second;
  } rows[] = {
      {"1", "0:\n", "1:hello\n"}, {"none", "0:\n", "1:\n"}, {"all", "0:hello\n", "1:hello\n"}};
  for (const auto& row : rows) {
    const Finished f = run_script(2, "echo $MLX_RANK:$(cat)", {"--stdin", row.whom});
    EXPECT_EQ(by_rank(f.out).at("0"), row.first) << row.whom;
    EXPECT_EQ(by_rank(f.out).at("1"), row.second) << row.whom;
  }
}

TEST_F(Launch, WritesFilesOfWhatTheRanksSay) {
  const std::string logs = setting_.folder + "/logs/of/job";
  start_script(2, "printf 'out %s' $MLX_RANK; echo err $MLX_RANK >&2",
               {"--log-dir", logs, "--quiet-ranks", "1", "--tag-output"});
  const Finished f = end({"logs"});
  EXPECT_EQ(f.exit_code, 0) << f.err;
  EXPECT_EQ(f.out, "[0]: out 0\n");
  EXPECT_EQ(f.err, "[0]: err 0\n");
  EXPECT_EQ(content(logs + "/0.out"), "out 0");
  EXPECT_EQ(content(logs + "/1.out"), "out 1");
  EXPECT_EQ(content(logs + "/0.err"), "err 0\n");
  EXPECT_EQ(content(logs + "/1.err"), "err 1\n");
}

TEST_F(Launch, EndsAJobWhoseFilesCannotBeWritten) {
  const std::string logs = setting_.folder + "/logs";
  fs::create_directory(logs);
  fs::create_symlink("/dev/full", logs + "/1.out");
  start_script(2, "echo $MLX_RANK; exec sleep 50", {"--log-dir", logs});
  Finished f = end({"logs"});
  EXPECT_EQ(f.exit_code, 1);
  EXPECT_THAT(f.err,
              AllOf(HasSubstr("/logs/1.out: No space left"), HasSubstr("Stopped ranks 0, 1.")));
  start_script(1, "echo no", {"--log-dir", "/proc/logs"});
  f = end({"logs"});
  EXPECT_EQ(f.exit_code, 1);
  EXPECT_THAT(f.err, HasSubstr("--log-dir"));
  EXPECT_EQ(f.out, "");
}

TEST_F(Launch, ColoursTagsWhenAsked) {
  const Finished f = run_script(1, "echo hi", {"--tag-output", "--color", "always"});
  EXPECT_EQ(f.out, "\x1b[36m[0]: \x1b[0mhi\n");
  EXPECT_EQ(run_script(1, "echo hi", {"--tag-output"}).out, "[0]: hi\n");
}

TEST_F(Launch, NamesAnAgentThatIsKilled) {
  Command& job = start_script(1, "echo $PPID up; sleep 50");
  kill(std::stoi(job.wait_for_output("up")), SIGKILL);
  const Finished f = job.wait();
  EXPECT_EQ(f.exit_code, 255);
  EXPECT_THAT(f.err, HasSubstr("its agent was killed by signal 9 (SIGKILL)"));
  for (int turn = 0; turn < 500 && !job.processes().empty(); ++turn) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_THAT(job.processes(), IsEmpty());  // its watchdog has ended the rank
}

TEST_F(Launch, StopsWhenNobodyReadsItsOutput) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  setting_.output_fd = ends[1];
  start_script(2, "yes");
  close(ends[1]);
  char byte;
  EXPECT_EQ(read(ends[0], &byte, 1), 1);
  close(ends[0]);
  EXPECT_EQ(end().exit_code, 128 + SIGPIPE);
}

TEST_F(Launch, KeepsWatchingWhileItsReaderStandsStill) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  setting_.output_fd = ends[1];
  Command& job = start_script(2, "yes", {"--timeout", "0.5", "--grace", "0.1"});
  close(ends[1]);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  EXPECT_THAT(job.processes(), testing::SizeIs(3));  // launcher, agent, watchdog: no ranks
  char buffer[65536];
  while (read(ends[0], buffer, sizeof buffer) > 0) {
  }
  close(ends[0]);
  EXPECT_EQ(end().exit_code, 124);
}

TEST_F(Launch, SaysWhatItCannotStart) {
  const std::string folder = setting_.folder;
  const struct {
    Words words;
    int code;
    const char* named;
  } rows[] = {{{"-n", "2", "no-such-program"}, 127, "no-such-program"},
              {{"-n", "2", "./missing.py"}, 127, "missing.py"},
              {{"-n", "2", "/etc/passwd"}, 126, "/etc/passwd"},
              {{"-n", "2", "/etc"}, 126, "/etc"},
              {{"-n", "0", "true"}, 2, "repeat-hosts"},
              {{"--no-such-option", "true"}, 2, "--no-such-option"},
              {{}, 2, "No program"},
              {{"--env", "MLX_TRANSPORT=pigeon", "true"}, 2, "MLX_TRANSPORT"}};
  for (const auto& row : rows) {
    const Finished f = run(row.words);
    EXPECT_EQ(f.exit_code, row.code) << f.err;
    EXPECT_THAT(f.err, HasSubstr(row.named));
    EXPECT_EQ(f.out, "");
  }
}

TEST_F(Launch, ClosesItsPortAtTheEnd) {
  const Finished f = run_script(1, "echo $MLX_RENDEZVOUS");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(std::stoi(f.out.substr(f.out.rfind(':') + 1))));
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_NE(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(fd);
}

TEST_F(Launch, KeepsTheProgressBarBelowTheOtherLinesOnATerminal) {
  int terminal, ours;
  winsize size{.ws_row = 24, .ws_col = 132, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(openpty(&terminal, &ours, nullptr, nullptr, &size), 0);
  setting_.output_fd = ours;
  start_script(2,
               "if [ $MLX_RANK = 1 ]; then sleep 0.4; echo other; exit; fi; "
               "printf '\\r%s' \"$MLX_LAUNCH_TTY $COLUMNS 10%\"; sleep 0.8; echo ' done'");
  close(ours);
  std::string seen;
  char buffer[4096];
  for (ssize_t n; (n = read(terminal, buffer, sizeof buffer)) > 0;) {
    seen.append(buffer, static_cast<size_t>(n));
  }
  close(terminal);
  EXPECT_EQ(end().exit_code, 0);
  EXPECT_EQ(seen, "\r1 132 10%\r\x1b[Kother\r\n\r1 132 10% done\r\n");
}

TEST_F(Launch, ColoursTagsOnATerminalUnlessToldNotTo) {
  const struct {
    const char* no_color;
    const char* seen;
  } rows[] = {{"", "\x1b[36m[0]: \x1b[0mhi\r\n"}, {"1", "[0]: hi\r\n"}};
  for (const auto& row : rows) {
    int terminal, ours;
    ASSERT_EQ(openpty(&terminal, &ours, nullptr, nullptr, nullptr), 0);
    setting_.output_fd = ours;
    setenv("NO_COLOR", row.no_color, 1);
    start_script(1, "echo hi", {"--tag-output"});
    unsetenv("NO_COLOR");
    close(ours);
    char buffer[4096];
    std::string seen;
    for (ssize_t n; (n = read(terminal, buffer, sizeof buffer)) > 0;) {
      seen.append(buffer, static_cast<size_t>(n));
    }
    close(terminal);
    EXPECT_EQ(end().exit_code, 0);
    EXPECT_EQ(seen, row.seen);
  }
}

TEST_F(Launch, StartsSixtyFourRanksInTwoSeconds) {
  const Finished f = run_script(64, "echo $MLX_RANK:");
  EXPECT_EQ(by_rank(f.out).size(), 64u);
  EXPECT_LT(f.seconds, 2);
}

TEST_F(Launch, ForwardsAHundredMegabytesASecond) {
  constexpr int kMegabytes = 400;
  setting_.output_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
  const Finished f = run_script(
      4, "yes 'one hundred bytes or so make a line that looks like one of a log file' | head -c " +
             std::to_string(kMegabytes / 4) + "000000");
  close(setting_.output_fd);
  EXPECT_EQ(f.exit_code, 0);
  EXPECT_GT(kMegabytes / f.seconds, 100);
}

}  // namespace
}  // namespace mlx
