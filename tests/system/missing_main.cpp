// For tests of what not every machine has.

#include <gtest/gtest.h>

#include <cstdio>

#include "system/missing.h"

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  testing::InitGoogleTest(&argc, argv);
  const std::string missing = mlx::test::missing();
  if (!missing.empty() && !GTEST_FLAG_GET(list_tests)) {
    std::fprintf(stderr, "SKIPPED: these tests cannot run here: %s\n", missing.c_str());
    return kSkipped;
  }
  return RUN_ALL_TESTS();
}
