#include "mlx/launch/watchdog.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "mlx/core/base/error.h"
#include "mlx/launch/error.h"

namespace mlx::launch {
namespace {

constexpr pid_t kGoAway = 0;

// Holds nothing that the launcher's reader or terminal could wait for.
void become_nobody(int& orders) {
  setsid();
  prctl(PR_SET_NAME, "mlx-launch-dog");
  const int null = open("/dev/null", O_RDWR);
  for (int fd : {0, 1, 2}) dup2(null, fd);
  dup2(orders, 3);
  orders = 3;
  close_range(4, ~0U, 0);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(signal, SIG_IGN);
}

void send(const std::vector<pid_t>& groups, int signal) {
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

[[noreturn]] void watch(int orders, std::chrono::milliseconds grace) {
  using Clock = std::chrono::steady_clock;
  std::vector<pid_t> groups;
  pid_t group;
  ssize_t n;
  while ((n = read(orders, &group, sizeof group)) == sizeof group || (n < 0 && errno == EINTR)) {
    if (n < 0) continue;
    if (group == kGoAway) _exit(0);
    groups.push_back(group);
  }
  send(groups, SIGTERM);
  const auto limit = Clock::now() + grace;
  while (any_left(groups) && Clock::now() < limit) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  send(groups, SIGKILL);
  _exit(0);
}

}  // namespace

Watchdog::Watchdog(std::chrono::milliseconds grace) {
  Pipe pipe = make_pipe();
  pid_ = fork();
  if (pid_ < 0) {
    throw LaunchError(LaunchError::kFailed,
                      core::concat("Cannot start a process: ", std::strerror(errno), "."));
  }
  if (pid_ == 0) {
    pipe.write_end.close();
    int orders = pipe.read_end.fd();
    become_nobody(orders);
    watch(orders, grace);
  }
  orders_ = std::move(pipe.write_end);
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

}  // namespace mlx::launch
