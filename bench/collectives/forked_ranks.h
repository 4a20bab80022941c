#pragma once

#include <functional>

namespace mlx::bench {

/// Runs the body as that many processes, rank 0 in this one. The others die
/// with it. Returns the exit code: that of rank 0, or of the first other rank
/// that failed.
int run_as_ranks(int ranks, const std::function<int(int rank)>& body);

}  // namespace mlx::bench
