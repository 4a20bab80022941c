// Of the tests whose ranks are processes: a rank runs its body, not the tests.

#include <gtest/gtest.h>

#include "distributed/processes.h"

int main(int argc, char** argv) {
  const int code = mlx::core::distributed::testing::run_body();
  if (code >= 0) return code;
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
