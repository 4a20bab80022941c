#pragma once

// Jobs of the backend mpi: Open MPI's mpirun starts the ranks, and we watch over it
// as over a job of one process.

#include <string>
#include <vector>

#include "mlx/launch/environment.h"
#include "mlx/launch/plan.h"

namespace mlx::launch {

/// The job as mpirun starts it. Variables of the plan pass by mpirun's environment;
/// on its command line are only their names.
/// Errors: as find_mpirun and over_mpirun; on this host alone those of find_program.
Job mpi_job(const Plan& plan, const Options& options, const EnvironmentMap& environment);

struct MpiRun {
  std::string path;
  int version = 4;  ///< 4 and 5 take other options
};

/// The mpirun of `search_path`.
/// Errors: LaunchError 127 when there is none; 1 when it is not Open MPI 4 or newer.
MpiRun find_mpirun(const std::string& search_path);

/// Threads: OMP_NUM_THREADS unless the plan has one; 0: leave it as it is.
/// Errors: LaunchError(kUsage) for what mpirun cannot do: variables or ssh settings of
///         single hosts, --quiet-ranks.
Job over_mpirun(const MpiRun& mpirun, const Plan& plan, const Options& options, int threads,
                bool as_root);

}  // namespace mlx::launch
