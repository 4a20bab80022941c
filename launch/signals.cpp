#include "mlx/launch/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace mlx::launch {

Descriptor take_signals() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  for (int number : {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&set, number);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return Descriptor(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int read_signal(const Descriptor& signals) {
  signalfd_siginfo info;
  const bool whole = read(signals.fd(), &info, sizeof info) == sizeof info;
  return whole ? static_cast<int>(info.ssi_signo) : 0;
}

}  // namespace mlx::launch
