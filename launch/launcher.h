#pragma once

#include "mlx/launch/options.h"

namespace mlx::launch {

/// Starts the job on its hosts and stays until it is over. For a process that
/// does nothing else: it takes over its signals, its children and its environment.
///
/// Returns the exit code of the job.
/// Errors: LaunchError when it cannot be started.
int launch(const Options& options);

}  // namespace mlx::launch
