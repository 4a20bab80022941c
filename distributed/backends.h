#pragma once

// The backends by name: what init() can be asked for.

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "mlx/distributed/world.h"

namespace mlx::core::distributed {

struct Backend {
  std::string_view name;
  /// Why it cannot be used by this build on this machine, as a sentence; empty if
  /// it can. No side effects.
  std::string (*obstacle)();
  /// Whether it takes the memory in which arrays are: "any" tries no other.
  bool for_arrays;
  /// Joins the job that the environment describes and waits for all its ranks.
  /// Null when there is no such job, or one of a single rank.
  std::shared_ptr<World> (*join)();
  /// Why join() gives null, as a sentence.
  std::string (*no_job)();
};

/// In the order in which "any" tries them.
std::span<const Backend> backends();

/// Errors: std::invalid_argument for an unknown name. "jaccl" is "rdma".
const Backend& backend(std::string_view name);

}  // namespace mlx::core::distributed
