#include "mlx/distributed/bootstrap/other_launcher.h"

#include <algorithm>

namespace mlx::core::distributed {
namespace {

bool all_set(const VariableLookup& variable, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (variable(name).empty()) return false;
  }
  return true;
}

OtherLauncher of_torchrun(const VariableLookup& variable) {
  OtherLauncher job;
  job.rank = read_number<int>(variable, "RANK");
  job.world_size = read_number<int>(variable, "WORLD_SIZE");
  job.local_rank = read_number(variable, "LOCAL_RANK", job.rank);
  job.generation = read_number(variable, "TORCHELASTIC_RESTART_COUNT", uint64_t{0});
  const bool port_is_taken = variable("TORCHELASTIC_USE_AGENT_STORE") == "True";
  const auto port = read_number<uint16_t>(variable, "MASTER_PORT");
  job.rendezvous = {variable("MASTER_ADDR"), static_cast<uint16_t>(port + (port_is_taken ? 1 : 0))};
  return job;
}

// Below the ports that the system gives to outgoing connections; steps that run at
// the same time have different ones.
uint16_t port_of_step(uint64_t job, uint64_t step) {
  constexpr uint64_t kFirst = 20'000, kCount = 12'000, kStepsOfJob = 101;
  return static_cast<uint16_t>(kFirst + (job * kStepsOfJob + step) % kCount);
}

OtherLauncher of_slurm(const VariableLookup& variable) {
  OtherLauncher job;
  job.rank = read_number<int>(variable, "SLURM_PROCID");
  job.world_size = read_number<int>(variable, "SLURM_STEP_NUM_TASKS");
  job.local_rank = read_number(variable, "SLURM_LOCALID", job.rank);
  job.generation = read_number(variable, "SLURM_RESTART_COUNT", uint64_t{0});
  job.rendezvous = {first_host(variable("SLURM_STEP_NODELIST")),
                    port_of_step(read_number<uint64_t>(variable, "SLURM_JOB_ID"),
                                 read_number(variable, "SLURM_STEP_ID", uint64_t{0}))};
  return job;
}

}  // namespace

std::optional<OtherLauncher> find_other_launcher(const VariableLookup& variable) {
  std::optional<OtherLauncher> job;
  if (all_set(variable, {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"})) {
    job = of_torchrun(variable);
  } else if (all_set(variable, {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NODELIST",
                                "SLURM_JOB_ID"})) {
    job = of_slurm(variable);
  }
  // One process alone is no job, as in an interactive step.
  return job && job->world_size > 1 ? job : std::nullopt;
}

std::string first_host(std::string_view nodelist) {
  std::string host;
  while (!nodelist.empty() && nodelist[0] != ',') {
    if (nodelist[0] != '[') {
      host += nodelist[0];
      nodelist.remove_prefix(1);
      continue;
    }
    const size_t close = std::min(nodelist.find(']'), nodelist.size());
    const std::string_view ranges = nodelist.substr(1, close - 1);
    host += ranges.substr(0, ranges.find_first_of(",-"));
    nodelist.remove_prefix(std::min(close + 1, nodelist.size()));
  }
  return host;
}

}  // namespace mlx::core::distributed
