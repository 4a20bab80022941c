#pragma once

// A tiny process that outlives the agent by a moment: when the agent is
// killed, even with SIGKILL, it ends the ranks and what they started.

#include <sys/types.h>

#include <chrono>

#include "mlx/launch/descriptor.h"

namespace mlx::launch {

/// The first argument of our program that makes it the watchdog.
constexpr const char* kWatchdogArgument = "--watchdog";

class Watchdog {
 public:
  /// Errors: LaunchError when there is no process for it.
  explicit Watchdog(std::chrono::milliseconds grace);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  /// Sends it away: the job has ended in order.
  ~Watchdog();

  /// From now on it ends this process group, too.
  void guard(pid_t group);

  pid_t pid() const { return pid_; }

 private:
  Descriptor orders_;
  pid_t pid_ = -1;
};

/// The watchdog's whole life, with the grace time in milliseconds.
[[noreturn]] void run_watchdog(const char* grace);

}  // namespace mlx::launch
