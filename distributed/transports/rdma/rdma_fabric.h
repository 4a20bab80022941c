#pragma once

// RDMA between the ranks of a job. Every two ranks of a group that the wiring
// joins have a queue pair, made when the group is made. Other pairs use TCP.

#include <memory>
#include <string>

#include "mlx/distributed/bootstrap/job.h"
#include "mlx/distributed/transport.h"
#include "mlx/distributed/transports/rdma/verbs.h"

namespace mlx::core::distributed::rdma {

/// Why the installed library, or every device, cannot be used, as a sentence. Empty if
/// one can.
std::string obstacle();

/// Errors: DistributedError when a device that the wiring names cannot be used;
///         those of Wiring. connect() also: DistributedError, on all ranks of
///         the group, when a rank cannot make its queue pairs.
std::shared_ptr<Fabric> make_rdma_fabric(std::shared_ptr<Job> job, const Verbs& verbs);

/// Over the installed library. Errors: DistributedError without one.
std::shared_ptr<Fabric> make_rdma_fabric(std::shared_ptr<Job> job);

}  // namespace mlx::core::distributed::rdma
