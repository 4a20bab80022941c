#pragma once

// A stream of bytes each way over a queue pair.

#include <memory>

#include "mlx/distributed/transports/link.h"
#include "mlx/distributed/transports/rdma/queue_pair.h"

namespace mlx::core::distributed::rdma {

/// The pair is not yet connected: the link posts its receives first. The ranks
/// are those of the group, for messages.
std::unique_ptr<Link> make_rdma_link(std::shared_ptr<QueuePair> pair, int rank, int peer);

}  // namespace mlx::core::distributed::rdma
