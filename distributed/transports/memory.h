#pragma once

// Ranks that are threads of one process, for tests: the links are those of
// shared memory, so this exercises the same code.

#include <memory>
#include <vector>

#include "mlx/distributed/transport.h"

namespace mlx::core::distributed {

/// One connected transport for each of `ranks` threads.
std::vector<std::unique_ptr<Transport>> make_memory_transports(int ranks);

}  // namespace mlx::core::distributed
