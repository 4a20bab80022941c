#pragma once

// Quantities and lists as people read them.

#include <cstdint>
#include <string>
#include <vector>

namespace mlx::launch::config {

std::string rate_text(double bits_per_second);  ///< "9.41 Gbit/s"
std::string time_text(double seconds);          ///< "71 us"
std::string bytes_text(int64_t bytes);          ///< "62.7 GiB"
/// "a, b and c".
std::string list_text(const std::vector<std::string>& items);

}  // namespace mlx::launch::config
