#pragma once

// Data for links.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

namespace mlx::core::distributed::testing {

/// So many bytes without a pattern, always the same.
inline std::vector<std::byte> noise(size_t bytes) {
  std::mt19937_64 random(bytes);
  std::vector<std::byte> data(bytes + 8);
  for (size_t i = 0; i < bytes; i += 8) {
    const uint64_t word = random();
    std::memcpy(data.data() + i, &word, 8);
  }
  data.resize(bytes);
  return data;
}

}  // namespace mlx::core::distributed::testing
