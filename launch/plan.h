#pragma once

// What runs where: the ranks of each host, before anything is started.

#include <string>
#include <vector>

#include "mlx/launch/environment.h"
#include "mlx/launch/host.h"
#include "mlx/launch/options.h"
#include "mlx/launch/remote_shell.h"

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

  /// Whether a rank runs anywhere but here.
  bool on_several_hosts() const;
  const HostPlan& host_of(int rank) const;
};

/// What the launcher is to do.
struct Job {
  Plan plan;
  Options options;
  std::vector<std::string> notes;  ///< for --verbose: what was decided on the way, as sentences
};

/// Hosts come from --hosts, else the hostfile, else the allocation of Slurm, PBS
/// or LSF around us, else this host. Ranks are numbered host by host in that order; one
/// that is named twice is one HostPlan with the ranks of both.
/// Errors: LaunchError(kUsage) saying what is wrong, for a hostfile with line and field.
/// MLX_BACKEND and other variables that say what the options ask for are in the plan;
/// who is who (MLX_RANK and its like) is not, nor the placement.
Plan make_plan(const Options& options);
/// In this environment, which tells of allocations.
Plan make_plan(const Options& options, const EnvironmentMap& environment);

/// What reaches other hosts.
RemoteShell remote_shell(const Options& options);

/// For --dry-run: which command runs where as which rank, in which environment
/// (never the secret), and how each host is reached.
std::string describe(const Plan& plan, const Options& options);

}  // namespace mlx::launch
