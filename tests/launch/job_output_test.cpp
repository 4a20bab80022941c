#include "mlx/launch/job_output.h"

#include <gtest/gtest.h>

namespace mlx::launch {
namespace {

TEST(JobOutput, ColoursOnlyTheTag) {
  EXPECT_EQ(tag_of(3, false), "[3]: ");
  EXPECT_EQ(tag_of(0, true), "\x1b[36m[0]: \x1b[0m");
  EXPECT_EQ(tag_of(10, true), "\x1b[36m[10]: \x1b[0m");
  EXPECT_NE(tag_of(1, true).substr(0, 5), tag_of(2, true).substr(0, 5));
}

}  // namespace
}  // namespace mlx::launch
