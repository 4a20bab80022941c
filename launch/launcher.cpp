#include "mlx/launch/launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdlib>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/environment.h"
#include "mlx/distributed/bootstrap/rendezvous.h"
#include "mlx/launch/environment.h"
#include "mlx/launch/error.h"
#include "mlx/launch/process.h"
#include "mlx/launch/program.h"
#include "mlx/launch/supervisor.h"
#include "mlx/launch/watchdog.h"

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

// Threads that start later inherit the mask, so every signal comes here.
Descriptor take_signals() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  for (int number : {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&set, number);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return Descriptor(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
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

EnvironmentMap environment_of_rank(EnvironmentMap environment, dist::Environment job, int rank) {
  job.rank = job.local_rank = rank;
  for (const auto& [name, value] : dist::environment_variables(job)) environment[name] = value;
  return environment;
}

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += " " + word;
  return out;
}

void start_ranks(Supervisor& supervisor, Watchdog& watchdog, const Options& options,
                 const Program& program, const EnvironmentMap& shared,
                 const dist::Environment& job) {
  for (int rank = 0; rank < options.ranks; ++rank) {
    try {
      Process process =
          start_process(program, environment_of_rank(shared, job, rank), options.folder);
      watchdog.guard(process.pid);
      supervisor.note(core::concat("Rank ", rank, " is process ", process.pid, "."));
      supervisor.add(std::move(process));
    } catch (const LaunchError& error) {
      supervisor.give_up(error.what(), error.exit_code());
      return;
    }
  }
}

}  // namespace

int launch(const Options& options) {
  open_standard_streams();
  const EnvironmentMap shared = shared_environment(inherited_environment(), options, usable_cores(),
                                                   terminal_of(STDOUT_FILENO));
  const auto path = shared.find("PATH");
  const Program program = find_program(options.command, options.folder,
                                       path == shared.end() ? "/usr/bin:/bin" : path->second);
  dist::Environment job = read_as_rank(shared);

  const Descriptor signals = take_signals();
  Watchdog watchdog(options.grace);
  adopt_orphans();

  job.world_size = options.ranks;
  job.secret = dist::Secret::random();
  job.launcher_serves = true;
  const dist::RendezvousServer server({.address = {"127.0.0.1", 0},
                                       .secret = job.secret,
                                       .generation = job.generation,
                                       .world_size = job.world_size,
                                       .heartbeat_limit = job.limits.heartbeat});
  job.rendezvous = server.address();

  Supervisor supervisor(options, signals.fd(), watchdog.pid());
  supervisor.note(core::concat("Starting ", options.ranks, " x", join(program.arguments), " (",
                               program.path, "); they meet at ", to_string(*job.rendezvous), "."));
  start_ranks(supervisor, watchdog, options, program, shared, job);
  return supervisor.run();
}

}  // namespace mlx::launch
