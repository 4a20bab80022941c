#pragma once

// What runs where: the ranks of each host, before anything is started.

#include <string>
#include <vector>

#include "mlx/launch/host.h"
#include "mlx/launch/options.h"

namespace mlx::launch {

/// How the agent of a host is reached.
enum class Way { here, ssh, srun };

struct RankPlan {
  int rank = 0;
  int local_rank = 0;
  Variables environment;  ///< of this rank alone
};

/// A host and its ranks: one agent, one connection.
struct HostPlan {
  Host host;
  Way way = Way::here;
  std::vector<RankPlan> ranks;
};

/// A file that ranks find under /proc/self/fd by a variable; it exists in memory only.
struct PlannedFile {
  std::string variable;
  std::string content;
};

struct Plan {
  std::string backend;  ///< empty: the program's choice
  int ranks = 0;
  std::vector<HostPlan> hosts;
  Variables environment;  ///< of all ranks: the hostfile's, then --env
  std::vector<PlannedFile> files;

  bool on_several_hosts() const;
  const HostPlan& host_of(int rank) const;
};

/// Hosts come from --hosts, else the hostfile, else the allocation of Slurm, PBS
/// or LSF around us, else this host. Ranks are numbered host by host in that order.
/// Errors: LaunchError(kUsage) saying what is wrong, for a hostfile with line and field.
Plan make_plan(const Options& options);

/// For --dry-run: which command runs where as which rank, in which environment
/// (never the secret), and how each host is reached.
std::string describe(const Plan& plan, const Options& options);

}  // namespace mlx::launch
