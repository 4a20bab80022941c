#include "mlx/launch/environment.h"

#include <gmock/gmock.h>

namespace mlx::launch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(RankEnvironment, InheritsAndOverrides) {
  EXPECT_THAT(
      job_environment({{"HOME", "/h"}, {"A", "old"}}, {{"A", "new"}, {"B", "1"}, {"B", "2"}}),
      ElementsAre(Pair("A", "new"), Pair("B", "2"), Pair("HOME", "/h")));
}

TEST(RankEnvironment, ForgetsTheJobAroundIt) {
  for (const char* name :
       {"MLX_RANK", "MLX_WORLD_SIZE", "MLX_HOSTFILE", "MLX_RENDEZVOUS", "MLX_JOB_SECRET",
        "MLX_JOB_SECRET_FILE", "MLX_LAUNCH_TTY", "MLX_RESTART_COUNT", "SLURM_PROCID", "PMI_RANK"}) {
    EXPECT_THAT(job_environment({{name, "1"}}, {}), IsEmpty()) << name;
    EXPECT_THAT(job_environment({{name, "1"}}, {{name, "2"}}), ElementsAre(Pair(name, "2")));
  }
}

TEST(RankEnvironment, TellsOfTheTerminal) {
  EXPECT_THAT(variables_of({}), IsEmpty());
  EXPECT_THAT(variables_of({true, 0}), ElementsAre(Pair("MLX_LAUNCH_TTY", "1")));
  EXPECT_THAT(variables_of({true, 132}),
              ElementsAre(Pair("MLX_LAUNCH_TTY", "1"), Pair("COLUMNS", "132")));
}

}  // namespace
}  // namespace mlx::launch
