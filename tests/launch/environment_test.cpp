#include "mlx/launch/environment.h"

#include <gmock/gmock.h>

namespace mlx::launch {
namespace {

using testing::Contains;
using testing::Key;
using testing::Not;
using testing::Pair;

Options job(int ranks, Variables variables = {}) {
  Options options;
  options.ranks = ranks;
  options.environment = std::move(variables);
  return options;
}

TEST(RankEnvironment, SharesTheCoresAmongTheRanks) {
  const struct {
    int ranks, cores;
    const char* threads;
  } rows[] = {{1, 8, "8"}, {2, 8, "4"}, {3, 8, "2"}, {16, 8, "1"}};
  for (const auto& row : rows) {
    EXPECT_THAT(shared_environment({}, job(row.ranks), row.cores, {}),
                Contains(Pair("OMP_NUM_THREADS", row.threads)));
  }
}

TEST(RankEnvironment, LeavesTheNumberOfThreadsToTheUser) {
  EXPECT_THAT(shared_environment({{"OMP_NUM_THREADS", "3"}}, job(2), 8, {}),
              Contains(Pair("OMP_NUM_THREADS", "3")));
  EXPECT_THAT(shared_environment({}, job(2, {{"OMP_NUM_THREADS", "5"}}), 8, {}),
              Contains(Pair("OMP_NUM_THREADS", "5")));
}

TEST(RankEnvironment, InheritsAndOverrides) {
  const auto e = shared_environment({{"HOME", "/h"}, {"A", "old"}},
                                    job(2, {{"A", "new"}, {"B", "1"}, {"B", "2"}}), 8, {});
  EXPECT_THAT(e, Contains(Pair("HOME", "/h")));
  EXPECT_THAT(e, Contains(Pair("A", "new")));
  EXPECT_THAT(e, Contains(Pair("B", "2")));
}

TEST(RankEnvironment, ForgetsTheJobAroundIt) {
  for (const char* name : {"MLX_RANK", "MLX_WORLD_SIZE", "MLX_HOSTFILE", "MLX_RENDEZVOUS",
                           "MLX_JOB_SECRET", "MLX_JOB_SECRET_FILE", "MLX_LAUNCH_TTY"}) {
    EXPECT_THAT(shared_environment({{name, "1"}}, job(2), 8, {}), Not(Contains(Key(name))));
  }
}

TEST(RankEnvironment, TellsOfTheTerminal) {
  const auto e = shared_environment({{"COLUMNS", "10"}}, job(2), 8, {true, 132});
  EXPECT_THAT(e, Contains(Pair("MLX_LAUNCH_TTY", "1")));
  EXPECT_THAT(e, Contains(Pair("COLUMNS", "132")));
}

}  // namespace
}  // namespace mlx::launch
