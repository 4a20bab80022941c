#pragma once

// Bodies of ranks that form new groups while others die.

#include <string_view>

namespace mlx::core::distributed::testing {

/// Runs the body of that name; -1 where there is none.
int run_regroup_body(std::string_view name);

}  // namespace mlx::core::distributed::testing
