#pragma once

// How the ranks of an MPI job find our own rendezvous: rank 0 serves it, and MPI
// brings its addresses and the secret to the others.

#include <memory>

#include "mlx/distributed/bootstrap/job.h"
#include "mlx/distributed/transports/mpi/runtime.h"

namespace mlx::core::distributed::mpi {

/// The job of all ranks. Where the environment names a rendezvous, that is used.
/// Errors: those of Job; TimeoutError.
std::shared_ptr<Job> meet(Runtime& mpi, Environment environment);

}  // namespace mlx::core::distributed::mpi
