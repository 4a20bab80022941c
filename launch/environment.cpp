#include "mlx/launch/environment.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace mlx::launch {
namespace {

// They say who a process is in its job; those of a job around us do not hold in ours.
// Slurm's and MPI's are of the agent, where srun starts it.
constexpr const char* kOfAnotherJob[] = {"MLX_RANK",          "MLX_WORLD_SIZE",
                                         "MLX_LOCAL_RANK",    "MLX_HOSTFILE",
                                         "MLX_RENDEZVOUS",    "MLX_RENDEZVOUS_OWNER",
                                         "MLX_JOB_SECRET",    "MLX_GENERATION",
                                         "MLX_RESTART_COUNT", "MLX_JOB_SECRET_FILE",
                                         "MLX_LAUNCH_TTY",    "MLX_DATA_ADDRESSES",
                                         "SLURM_PROCID",      "SLURM_LOCALID",
                                         "SLURM_NODEID",      "PMI_RANK",
                                         "PMI_SIZE",          "PMI_FD",
                                         "PMIX_RANK",         "PMIX_NAMESPACE"};

}  // namespace

EnvironmentMap job_environment(EnvironmentMap inherited, const Variables& stronger) {
  for (const char* name : kOfAnotherJob) inherited.erase(name);
  for (const auto& [name, value] : stronger) inherited[name] = value;
  return inherited;
}

bool sets(const Variables& variables, const std::string& name) {
  const auto is_it = [&](const auto& variable) { return variable.first == name; };
  return std::any_of(variables.begin(), variables.end(), is_it);
}

Variables variables_of(Terminal terminal) {
  if (!terminal.present) return {};
  Variables out{{"MLX_LAUNCH_TTY", "1"}};
  if (terminal.columns > 0) out.emplace_back("COLUMNS", std::to_string(terminal.columns));
  return out;
}

EnvironmentMap inherited_environment() {
  EnvironmentMap out;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string_view::npos) {
      out.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return out;
}

Terminal terminal_of(int fd) {
  if (!isatty(fd)) return {};
  winsize size{};
  return {true, ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0};
}

}  // namespace mlx::launch
