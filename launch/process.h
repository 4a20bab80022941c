#pragma once

// Processes of the job.

#include <sys/types.h>

#include <string>
#include <vector>

#include "mlx/launch/descriptor.h"
#include "mlx/launch/environment.h"
#include "mlx/launch/program.h"

namespace mlx::launch {

/// A process in a group of its own, and our ends of its three pipes.
struct Process {
  pid_t pid = -1;
  Descriptor input;
  Descriptor output;
  Descriptor errors;
};

/// Errors: LaunchError when the system does not start it.
Process start_process(const Program& program, const EnvironmentMap& environment,
                      const std::string& folder);

/// Makes orphans below us our children: no descendant gets out of sight.
void adopt_orphans();

/// Our children: those that we started, and orphans.
std::vector<pid_t> children();

}  // namespace mlx::launch
