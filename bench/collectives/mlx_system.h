#pragma once

#include <memory>

#include "measure.h"
#include "mlx/distributed/distributed.h"

namespace mlx::bench {

/// The communication layer itself: collectives on memory.
std::unique_ptr<System> layer_system(const core::distributed::Group& group);

/// The operations on arrays, through eval.
std::unique_ptr<System> graph_system(const core::distributed::Group& group);

}  // namespace mlx::bench
