#include "mlx/launch/watchdog.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <thread>
#include <vector>

#include "mlx/launch/process.h"

namespace mlx::launch {
namespace {

constexpr pid_t kGoAway = 0;

void signal_all(const std::vector<pid_t>& groups, int signal) {
  for (const pid_t group : groups) {
    kill(-group, signal);
    if (signal == SIGTERM) kill(-group, SIGCONT);  // a stopped process cannot end
  }
}

bool any_left(const std::vector<pid_t>& groups) {
  for (const pid_t group : groups) {
    if (kill(-group, 0) == 0) return true;
  }
  return false;
}

// Groups to guard come on standard input until its end: then the agent is dead.
std::vector<pid_t> guard_groups() {
  std::vector<pid_t> groups;
  pid_t group;
  ssize_t n;
  while ((n = read(STDIN_FILENO, &group, sizeof group)) == sizeof group ||
         (n < 0 && errno == EINTR)) {
    if (n < 0) continue;
    if (group == kGoAway) _exit(0);
    groups.push_back(group);
  }
  return groups;
}

}  // namespace

// A program of its own, so that its command line says what it is.
Watchdog::Watchdog(std::chrono::milliseconds grace) {
  Process process = start_process(
      {"/proc/self/exe", {"mlx-launch", kWatchdogArgument, std::to_string(grace.count())}},
      inherited_environment(), "/");
  pid_ = process.pid;
  orders_ = std::move(process.input);
}

Watchdog::~Watchdog() {
  guard(kGoAway);
  orders_.close();
  waitpid(pid_, nullptr, 0);
}

void Watchdog::guard(pid_t group) {
  // Less than PIPE_BUF: all or nothing. If somebody killed it there is nobody to tell.
  [[maybe_unused]] const ssize_t written = write(orders_.fd(), &group, sizeof group);
}

// Holds nothing that anybody's reader or terminal could wait for.
void run_watchdog(const char* grace) {
  using Clock = std::chrono::steady_clock;
  setsid();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(signal, SIG_IGN);
  close_range(STDOUT_FILENO, ~0U, 0);
  const std::vector<pid_t> groups = guard_groups();
  signal_all(groups, SIGTERM);
  const auto limit = Clock::now() + std::chrono::milliseconds(std::atol(grace));
  while (any_left(groups) && Clock::now() < limit) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  signal_all(groups, SIGKILL);
  _exit(0);
}

}  // namespace mlx::launch
