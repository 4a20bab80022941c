#pragma once

#include "mlx/launch/config/options.h"

namespace mlx::launch::config {

/// What mlx-distributed-config does. Returns its exit code.
/// Errors: LaunchError for a hostfile that makes no sense or cannot be written.
int configure(const ConfigOptions& options);

}  // namespace mlx::launch::config
