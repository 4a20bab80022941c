// For tests of several hosts, which need root.

#include <gtest/gtest.h>

#include <cstdio>

#include "system/ssh_hosts.h"

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  testing::InitGoogleTest(&argc, argv);
  const std::string missing = mlx::test::SshHosts::missing();
  if (!missing.empty() && !GTEST_FLAG_GET(list_tests)) {
    std::fprintf(stderr, "SKIPPED: tests of several hosts cannot run here: %s\n", missing.c_str());
    return kSkipped;
  }
  return RUN_ALL_TESTS();
}
