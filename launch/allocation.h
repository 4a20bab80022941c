#pragma once

// The hosts that a batch system gave us: Slurm, PBS (and TORQUE), LSF.

#include <optional>
#include <string>
#include <vector>

#include "mlx/launch/environment.h"
#include "mlx/launch/plan.h"

namespace mlx::launch {

struct Allocation {
  std::string name;         ///< "job 17 of Slurm", for messages
  Way way = Way::ssh;       ///< srun within Slurm; ssh elsewhere
  std::vector<Host> hosts;  ///< in the batch system's order; slots: its tasks there
};

/// Nothing outside of an allocation.
/// Errors: LaunchError(kUsage) for a list that makes no sense, and within a step of
/// Slurm that runs several of us: each would start the whole job.
std::optional<Allocation> find_allocation(const EnvironmentMap& environment);

/// "n[01-03,7],gpu-[1-2]-x" is n01, n02, n03, n7, gpu-1-x, gpu-2-x.
/// Errors: std::invalid_argument.
std::vector<std::string> expand_slurm_hosts(const std::string& text);

/// "2(x3),1" is 2, 2, 2, 1. Errors: std::invalid_argument.
std::vector<int> expand_slurm_tasks(const std::string& text);

}  // namespace mlx::launch
