#pragma once

// The transports by name. A new one is a row.

#include <memory>
#include <span>
#include <string_view>

#include "mlx/distributed/transport.h"

namespace mlx::core::distributed {

class Job;

struct TransportKind {
  std::string_view name;
  /// A transport over all ranks of the job.
  std::unique_ptr<Transport> (*make)(std::shared_ptr<Job> job);
};

/// tcp, shm and auto (shared memory within a host, TCP between hosts).
std::span<const TransportKind> transport_kinds();

/// Errors: std::invalid_argument for an unknown name. Empty means auto.
const TransportKind& transport_kind(std::string_view name);

}  // namespace mlx::core::distributed
