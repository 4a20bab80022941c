#include "mlx/launch/placement.h"

#include <hwloc.h>
#include <hwloc/glibc-sched.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>

#include "mlx/launch/error.h"
#include "mlx/launch/quota.h"

namespace mlx::launch {
namespace {

struct Destroy {
  void operator()(hwloc_topology_t topology) const { hwloc_topology_destroy(topology); }
};
using Topology = std::unique_ptr<hwloc_topology, Destroy>;

// Without devices, which hwloc looks for only when asked.
Topology load(const char* synthetic) {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return nullptr;
  Topology topology(raw);
  if (synthetic && hwloc_topology_set_synthetic(raw, synthetic) != 0) return nullptr;
  return hwloc_topology_load(raw) == 0 ? std::move(topology) : nullptr;
}

cpu_set_t processors_of(hwloc_topology_t topology, hwloc_obj_t object) {
  cpu_set_t set;
  CPU_ZERO(&set);
  hwloc_cpuset_to_glibc_sched_affinity(topology, object->cpuset, &set, sizeof set);
  return set;
}

int node_of(hwloc_obj_t core) {
  const int node = hwloc_bitmap_first(core->nodeset);
  return std::max(0, node);
}

std::vector<Machine::Core> cores_of(hwloc_topology_t topology, const cpu_set_t& allowed) {
  // Some virtual machines tell nothing about cores.
  const bool known = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE) > 0;
  const hwloc_obj_type_t type = known ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
  std::vector<Machine::Core> cores;
  for (hwloc_obj_t object = nullptr;
       (object = hwloc_get_next_obj_by_type(topology, type, object));) {
    Machine::Core core{processors_of(topology, object), node_of(object)};
    CPU_AND(&core.processors, &core.processors, &allowed);
    if (CPU_COUNT(&core.processors) > 0) cores.push_back(core);
  }
  return cores;
}

// Where hwloc finds nothing that we may use: each processor is a core.
std::vector<Machine::Core> flat_cores(const cpu_set_t& allowed) {
  std::vector<Machine::Core> cores;
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (!CPU_ISSET(processor, &allowed)) continue;
    cores.emplace_back();
    CPU_ZERO(&cores.back().processors);
    CPU_SET(processor, &cores.back().processors);
  }
  return cores;
}

std::vector<std::string> gpus_of_driver() {
  std::vector<std::string> gpus;
  std::error_code none;
  for (const auto& gpu : std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", none)) {
    (void)gpu;
    gpus.push_back(std::to_string(gpus.size()));
  }
  return gpus;
}

std::vector<std::string> gpus_of_list(const std::string& list) {
  std::vector<std::string> gpus;
  std::istringstream words(list);
  // CUDA ends the list at the first that does not exist, such as -1.
  for (std::string word; std::getline(words, word, ',') && word != "-1";) gpus.push_back(word);
  return gpus;
}

/// Cores from `first` to before `last`.
struct Range {
  size_t first;
  size_t last;
};

// Part `index` of `parts` equal parts of `count`; the first ones take what is left over.
// Where there are fewer things than parts, neighbours share one.
Range part(size_t count, size_t parts, size_t index) {
  if (count < parts) return {index * count / parts, index * count / parts + 1};
  const size_t each = count / parts, more = count % parts;
  const size_t first = index * each + std::min(index, more);
  return {first, first + each + (index < more ? 1 : 0)};
}

// Where the cores of each node begin, then the end.
std::vector<size_t> node_boundaries(const std::vector<Machine::Core>& cores) {
  std::vector<size_t> boundaries{0};
  for (size_t i = 1; i < cores.size(); ++i) {
    if (cores[i].node != cores[i - 1].node) boundaries.push_back(i);
  }
  boundaries.push_back(cores.size());
  return boundaries;
}

/// The cores of every rank.
std::vector<Range> share(const std::vector<Machine::Core>& cores, size_t ranks, Binding binding) {
  const std::vector<size_t> nodes = node_boundaries(cores);
  std::vector<Range> out;
  for (size_t rank = 0; rank < ranks; ++rank) {
    if (binding == Binding::none) {
      out.push_back({0, cores.size()});
    } else if (binding == Binding::core) {
      out.push_back(part(cores.size(), ranks, rank));
    } else {
      const Range of_nodes = part(nodes.size() - 1, ranks, rank);
      out.push_back({nodes[of_nodes.first], nodes[of_nodes.last]});
    }
  }
  return out;
}

// How many threads each rank starts so that no core has more than one to run.
int threads_of(const std::vector<Range>& ranges, const Range& own) {
  const auto sharers = std::count_if(ranges.begin(), ranges.end(), [&](const Range& other) {
    return other.first < own.last && own.first < other.last;
  });
  return static_cast<int>((own.last - own.first) / static_cast<size_t>(sharers));
}

}  // namespace

Machine this_machine(const EnvironmentMap& environment) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  // Fails on more processors than fit into the set; then we take those that fit.
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    for (int processor = 0; processor < CPU_SETSIZE; ++processor) CPU_SET(processor, &allowed);
  }
  Machine machine;
  if (const Topology topology = load(nullptr)) machine.cores = cores_of(topology.get(), allowed);
  if (machine.cores.empty()) machine.cores = flat_cores(allowed);
  machine.processors_at_once = processors_of_quota();
  const auto list = environment.find("CUDA_VISIBLE_DEVICES");
  machine.gpus = list == environment.end() ? gpus_of_driver() : gpus_of_list(list->second);
  return machine;
}

Machine synthetic_machine(const std::string& description, const cpu_set_t& allowed) {
  const Topology topology = load(description.c_str());
  if (!topology) {
    throw LaunchError(LaunchError::kUsage, "There is no such topology: " + description + ".");
  }
  Machine machine;
  machine.cores = cores_of(topology.get(), allowed);
  return machine;
}

std::vector<Placement> place(const Machine& machine, int ranks, std::optional<Binding> binding) {
  const size_t count = static_cast<size_t>(ranks);
  const Binding chosen =
      binding.value_or(machine.cores.size() >= count ? Binding::core : Binding::none);
  const std::vector<Range> ranges = share(machine.cores, count, chosen);
  std::vector<Placement> out(count);
  for (size_t rank = 0; rank < count; ++rank) {
    Placement& placement = out[rank];
    CPU_ZERO(&placement.processors);
    for (size_t core = ranges[rank].first; core < ranges[rank].last; ++core) {
      CPU_OR(&placement.processors, &placement.processors, &machine.cores[core].processors);
    }
    placement.bound = ranges[rank].last - ranges[rank].first < machine.cores.size();
    placement.threads = threads_of(ranges, ranges[rank]);
    if (machine.processors_at_once > 0) {
      placement.threads = std::min(placement.threads, machine.processors_at_once / ranks);
    }
    placement.threads = std::max(1, placement.threads);
    if (!machine.gpus.empty()) placement.devices = machine.gpus[rank % machine.gpus.size()];
  }
  return out;
}

}  // namespace mlx::launch
