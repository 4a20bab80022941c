#pragma once

// Which processors and GPUs each rank of a host gets.

#include <sched.h>

#include <optional>
#include <string>
#include <vector>

#include "mlx/launch/environment.h"
#include "mlx/launch/options.h"

namespace mlx::launch {

/// What a host offers to the ranks on it.
struct Machine {
  struct Core {
    cpu_set_t processors;  ///< its hyperthreads that may be used; at least one
    int node;              ///< of memory, from 0
  };
  std::vector<Core> cores;        ///< in the order of the topology: neighbours share caches
  int processors_at_once = 0;     ///< that a cgroup's quota allows; 0: no quota
  std::vector<std::string> gpus;  ///< as CUDA_VISIBLE_DEVICES names them
};

/// This host: the processors that our affinity and cgroup allow, and the GPUs of
/// CUDA_VISIBLE_DEVICES in `environment`, else all that the driver shows.
Machine this_machine(const EnvironmentMap& environment);

/// A machine that hwloc's synthetic description names, e.g. "node:2 core:4 pu:2",
/// of which only the `allowed` processors may be used.
Machine synthetic_machine(const std::string& description, const cpu_set_t& allowed);

struct Placement {
  cpu_set_t processors;  ///< where it may run
  bool bound = false;    ///< whether that is less than what the host allows
  int threads = 1;       ///< for OMP_NUM_THREADS
  std::string devices;   ///< for CUDA_VISIBLE_DEVICES; empty: leave it as it is
};

/// One for each local rank. The ranks share the cores in the order of the topology:
///   core  each has whole cores of its own, as many as the others, or one more;
///   numa  each has whole nodes of its own, or shares one node with its neighbours;
///   none  each may run everywhere.
/// Without a binding: core where every rank has a core of its own, else none. `core`
/// with fewer cores than ranks lets neighbours share one.
std::vector<Placement> place(const Machine& machine, int ranks, std::optional<Binding> binding);

}  // namespace mlx::launch
