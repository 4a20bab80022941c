#include "mlx/launch/environment.h"

#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace mlx::launch {
namespace {

// They say who a process is in its job; those of a job around us do not hold in ours.
constexpr const char* kOfAnotherJob[] = {"MLX_RANK",       "MLX_WORLD_SIZE", "MLX_LOCAL_RANK",
                                         "MLX_HOSTFILE",   "MLX_RENDEZVOUS", "MLX_RENDEZVOUS_OWNER",
                                         "MLX_JOB_SECRET", "MLX_GENERATION", "MLX_JOB_SECRET_FILE",
                                         "MLX_LAUNCH_TTY"};

}  // namespace

EnvironmentMap shared_environment(const EnvironmentMap& inherited, const Options& options,
                                  int cores, Terminal terminal) {
  EnvironmentMap out = inherited;
  for (const char* name : kOfAnotherJob) out.erase(name);
  out.emplace("OMP_NUM_THREADS", std::to_string(std::max(1, cores / options.ranks)));
  if (terminal.present) {
    out.insert_or_assign("MLX_LAUNCH_TTY", std::string("1"));
    if (terminal.columns > 0) out["COLUMNS"] = std::to_string(terminal.columns);
  }
  for (const auto& [name, value] : options.environment) out[name] = value;
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

int usable_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
}

Terminal terminal_of(int fd) {
  if (!isatty(fd)) return {};
  winsize size{};
  return {true, ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0};
}

}  // namespace mlx::launch
