#pragma once

// NCCL between the GPUs of a job, one for each rank of a host by its local rank.

#include <memory>
#include <string>

#include "mlx/distributed/bootstrap/job.h"
#include "mlx/distributed/transport.h"
#include "mlx/distributed/transports/nccl/library.h"

namespace mlx::core::distributed::nccl {

/// Why the installed libraries cannot be used, as a sentence. Empty if they can.
std::string obstacle();

/// `links`: for what does not move by NCCL.
/// Errors: DistributedError if the GPU cannot be used. connect() also, and
///         TimeoutError.
std::shared_ptr<Fabric> make_nccl_fabric(std::shared_ptr<Job> job, std::shared_ptr<Fabric> links,
                                         const Libraries& libraries);

/// Over the installed libraries. Errors: DistributedError without them.
std::shared_ptr<Fabric> make_nccl_fabric(std::shared_ptr<Job> job, std::shared_ptr<Fabric> links);

}  // namespace mlx::core::distributed::nccl
