#include "mlx/launch/launcher.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "mlx/launch/environment.h"
#include "mlx/launch/error.h"
#include "mlx/launch/mpi.h"
#include "mlx/launch/plan.h"
#include "mlx/launch/signals.h"
#include "mlx/launch/supervisor.h"

namespace mlx::launch {
namespace {

namespace dist = core::distributed;

// Descriptors 0 to 2 must not become something else, say a rank's pipe.
void open_standard_streams() {
  while (true) {
    const int fd = open("/dev/null", O_RDWR);
    if (fd > STDERR_FILENO || fd < 0) {
      close(fd);
      return;
    }
  }
}

// The launcher lives in the environment of its ranks: limits hold for both.
dist::Environment read_as_rank(const EnvironmentMap& environment) {
  clearenv();
  for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
  try {
    return dist::read_environment();
  } catch (const std::exception& error) {
    throw LaunchError(LaunchError::kUsage, error.what());
  }
}

Job make_job(const Options& options, const EnvironmentMap& environment) {
  Plan plan = make_plan(options, environment);
  if (plan.backend == "mpi") return mpi_job(plan, options, environment);
  return {std::move(plan), options, {}};
}

}  // namespace

int launch(const Options& asked) {
  open_standard_streams();
  const EnvironmentMap inherited = inherited_environment();
  const auto [plan, options, notes] = make_job(asked, inherited);
  for (const std::string& note : notes) {
    if (options.verbose) std::fprintf(stderr, "mlx-launch: %s\n", note.c_str());
  }
  if (options.dry_run) {
    std::fputs(describe(plan, options).c_str(), stdout);
    return 0;
  }
  dist::Environment job = read_as_rank(job_environment(inherited, plan.environment));
  job.world_size = plan.ranks;
  job.secret = dist::Secret::random();
  job.launcher_serves = true;
  job.host_id.clear();  // whoever wants it for all ranks says --env

  const Descriptor signals = take_signals();
  return Supervisor(options, plan, std::move(job), inherited, signals).run();
}

}  // namespace mlx::launch
