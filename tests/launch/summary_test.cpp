#include "mlx/launch/summary.h"

#include <gtest/gtest.h>

#include "launch/values.h"

namespace mlx::launch {
namespace {

using test::exited;

// Its status, as waitpid() gives it.
constexpr int killed(int signal) { return signal; }

TEST(Summary, TellsHowARankEnded) {
  const struct {
    int status;
    int code;
    const char* text;
  } rows[] = {{exited(0), 0, "ended with exit code 0"},
              {exited(3), 3, "ended with exit code 3"},
              {exited(255), 255, "ended with exit code 255"},
              {killed(9), 137, "was killed by signal 9 (SIGKILL)"},
              {killed(11), 139, "was killed by signal 11 (SIGSEGV)"},
              {killed(40), 168, "was killed by signal 40"}};
  for (const auto& row : rows) {
    EXPECT_EQ(exit_code_of(row.status), row.code);
    EXPECT_EQ(describe_end(row.status), row.text);
  }
}

TEST(Summary, NamesRanksInRanges) {
  EXPECT_EQ(name_ranks({4}), "rank 4");
  EXPECT_EQ(name_ranks({0, 1}), "ranks 0, 1");
  EXPECT_EQ(name_ranks({0, 2, 3, 4, 5, 7}), "ranks 0, 2-5, 7");
}

TEST(Summary, KeepsTheLastLines) {
  Tail tail;
  EXPECT_EQ(tail.lines(3, "| "), "");
  tail.take("one\ntwo\nthr");
  tail.take("ee\n");
  EXPECT_EQ(tail.lines(2, "| "), "| two\n| three\n");
  EXPECT_EQ(tail.lines(9, ""), "one\ntwo\nthree\n");
  for (int i = 0; i < 100'000; ++i) tail.take(std::to_string(i) + "\n");
  EXPECT_EQ(tail.lines(2, ""), "99998\n99999\n");
}

TEST(Summary, NamesTheFirstToFailAndThoseStopped) {
  Tail output, errors;
  output.take("step 1\n");
  errors.take("out of memory\n");
  const std::string cause = describe_rank({2, 77, killed(9), " on h2"});
  EXPECT_EQ(cause, "Rank 2 on h2 (process 77) was killed by signal 9 (SIGKILL)");
  EXPECT_EQ(describe_failure(cause, output, errors, {0, 1, 3}),
            "mlx-launch: Rank 2 on h2 (process 77) was killed by signal 9 (SIGKILL).\n"
            "mlx-launch: Its last lines on standard output:\n"
            "  | step 1\n"
            "mlx-launch: Its last lines on standard error:\n"
            "  | out of memory\n"
            "mlx-launch: Stopped because of it: ranks 0, 1, 3.\n");
  EXPECT_EQ(describe_failure(describe_rank({0, 5, exited(1), ""}), Tail(), Tail(), {}),
            "mlx-launch: Rank 0 (process 5) ended with exit code 1.\n");
}

TEST(Summary, NamesAHostAndWhatWasSaidAboutIt) {
  EXPECT_EQ(describe_loss("h2 was lost: ssh cannot connect", "  | reset\n", {0}),
            "mlx-launch: h2 was lost: ssh cannot connect.\n"
            "  | reset\n"
            "mlx-launch: Stopped because of it: rank 0.\n");
}

TEST(Summary, RepeatsAnOrder) {
  EXPECT_EQ(describe_order("Stopped by SIGTERM.", {0, 1}),
            "mlx-launch: Stopped by SIGTERM.\nmlx-launch: Stopped ranks 0, 1.\n");
  EXPECT_EQ(describe_order("", {}), "");
}

}  // namespace
}  // namespace mlx::launch
