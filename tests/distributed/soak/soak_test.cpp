// Many mixed collectives in one job: right to the last, without growth.
// MLX_TEST_SOAK sets how many.

#include <gtest/gtest.h>

#include "distributed/processes.h"

namespace mlx::core::distributed {
namespace {

TEST(Soak, LeavesMemoryAndDescriptorsAsTheyWere) {
  for (const char* seed : {"1", "2"}) {
    testing::Processes job("soak", {.ranks = 4, .variables = {{"MLX_TEST_SEED", seed}}});
    ASSERT_TRUE(job.wait_for_end(Milliseconds{900'000})) << job.transcript();
    for (int rank = 0; rank < 4; ++rank) EXPECT_EQ(job.exit_code(rank), 0) << job.transcript();
    printf("%s", job.transcript().c_str());
  }
}

}  // namespace
}  // namespace mlx::core::distributed
