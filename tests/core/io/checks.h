#pragma once

// What the tests of several file formats look at.

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "mlx/core/ops.h"

namespace mlx::core {

/// Bytes of a file that nobody could have saved.
struct BadFile {
  const char* what;
  std::string bytes;
};

inline void expect_same(const array& a, const array& b) {
  EXPECT_EQ(a.dtype(), b.dtype());
  EXPECT_EQ(a.shape(), b.shape());
  EXPECT_TRUE(array_equal(a, b, true).item<bool>()) << dtype_name(a.dtype());
}

/// Bytes of memory of this process, of what /proc/self/status calls VmRSS, RssAnon or RssFile.
inline size_t resident_bytes(const std::string& kind) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(kind + ":")) {
      return std::stoul(line.substr(kind.size() + 1)) * 1024;
    }
  }
  return 0;
}

}  // namespace mlx::core
