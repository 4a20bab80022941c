#pragma once

// MPI as a backend: a process that an MPI launcher started (mpirun, srun) joins
// the job of all its ranks. Beside MPI runs a rendezvous of our own, through
// which the ranks hear of each other's failures.

#include <memory>
#include <string>

#include "mlx/distributed/bootstrap/job.h"
#include "mlx/distributed/transport.h"
#include "mlx/distributed/transports/mpi/runtime.h"

namespace mlx::core::distributed::mpi {

/// Why the library cannot be used, as a sentence. Empty if it can.
std::string obstacle();

/// MPI in this process, and the job of all its ranks.
struct Joined {
  std::shared_ptr<Runtime> mpi;
  std::shared_ptr<Job> job;
};

/// Initialises MPI. Nothing when no MPI launcher started this process, or the
/// job has one rank.
/// Errors: DistributedError when the library cannot be used; those of Job.
Joined join();

std::shared_ptr<Fabric> make_mpi_fabric(Joined joined);

}  // namespace mlx::core::distributed::mpi
