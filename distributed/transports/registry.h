#pragma once

// The fabrics by name. A new one is a row.

#include <memory>
#include <span>
#include <string_view>

#include "mlx/distributed/transport.h"

namespace mlx::core::distributed {

class Job;

struct FabricKind {
  std::string_view name;
  /// All ranks of the job open the same kind.
  std::shared_ptr<Fabric> (*open)(std::shared_ptr<Job> job);
};

/// tcp, shm, auto (shared memory within a host, TCP between hosts) and rdma.
std::span<const FabricKind> fabric_kinds();

/// Errors: std::invalid_argument for an unknown name. Empty means auto.
const FabricKind& fabric_kind(std::string_view name);

}  // namespace mlx::core::distributed
