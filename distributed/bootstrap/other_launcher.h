#pragma once

// Jobs that srun, torchrun or a Kubernetes operator started: their variables say
// who a process is, none of them knows ours.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mlx/distributed/bootstrap/endpoint.h"
#include "mlx/distributed/bootstrap/variable.h"

namespace mlx::core::distributed {

struct OtherLauncher {
  int rank = 0;
  int world_size = 1;
  int local_rank = 0;
  uint64_t generation = 0;
  Endpoint rendezvous;  ///< where rank 0 serves it
};

/// Reads, whichever is there:
///   RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT. torchrun itself listens
///     on that port: the rendezvous is one above. TORCHELASTIC_RESTART_COUNT is the generation;
///   SLURM_PROCID, SLURM_STEP_NUM_TASKS, SLURM_LOCALID: a step of several tasks. Rank 0 is
///     on the first host of SLURM_STEP_NODELIST; the port follows from job and step.
/// Errors: std::invalid_argument for numbers that make no sense.
std::optional<OtherLauncher> find_other_launcher(const VariableLookup& variable);

/// The first host of Slurm's list: "n[01-03,7],m5" begins with n01.
std::string first_host(std::string_view nodelist);

}  // namespace mlx::core::distributed
