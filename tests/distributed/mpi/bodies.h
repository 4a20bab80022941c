#pragma once

namespace mlx::core::distributed::testing {

/// In a rank's process: runs the body that MLX_TEST_BODY names and returns its
/// exit code. -1 where this is not a rank's process.
int run_mpi_body();

}  // namespace mlx::core::distributed::testing
