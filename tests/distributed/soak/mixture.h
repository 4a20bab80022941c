#pragma once

// Every operation in a random order with random sizes, the same on all ranks
// of a group, with results that can be checked.

#include <cstdint>
#include <random>

#include "mlx/distributed/ops.h"

namespace mlx::core::distributed::testing {

class Mixture {
 public:
  Mixture(const Group& group, uint32_t seed) : group_(group), random_(seed) {}

  /// Runs one operation; false when its result is wrong here.
  bool step();

 private:
  array mine(int64_t n) const { return filled(n, group_.rank()); }
  array filled(int64_t n, int rank) const;
  bool reduction(int64_t n, int root);
  bool distribution(int64_t n, int root);
  bool message(int64_t n, int root);

  const Group group_;
  std::mt19937 random_;
  int steps_ = 0;
};

}  // namespace mlx::core::distributed::testing
