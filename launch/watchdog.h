#pragma once

// A tiny process that outlives the launcher by a moment: when the launcher is
// killed, even with SIGKILL, it ends the ranks and what they started.

#include <sys/types.h>

#include <chrono>

#include "mlx/launch/descriptor.h"

namespace mlx::launch {

class Watchdog {
 public:
  /// Forks; to be called before there are threads.
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

}  // namespace mlx::launch
