#pragma once

// In which order hosts make the best ring.

#include <cstddef>
#include <vector>

namespace mlx::launch::config {

/// How good the link between two hosts is, symmetric; kNoLink where there is none.
using Levels = std::vector<std::vector<int>>;
constexpr int kNoLink = -1'000'000;

/// Rates that differ by less than a tenth are the same: measurements are no better.
/// 0 or less is no link.
int level_of(double rate);

/// What a ring is worth: its slowest link first, then all of them.
struct RingWorth {
  int slowest = 0;
  long sum = 0;

  auto operator<=>(const RingWorth&) const = default;
};
RingWorth worth_of(const Levels& levels, const std::vector<int>& order);

/// Up to this many hosts every order is considered; beyond, a good one is improved
/// by turning parts of it round until that no longer helps.
constexpr size_t kExactHosts = 9;

/// The order with the most worth; among equals the one closest to 0, 1, 2, ...
/// It begins with 0. A ring that has to use kNoLink does not exist.
std::vector<int> best_ring(const Levels& levels);

}  // namespace mlx::launch::config
