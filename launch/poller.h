#pragma once

// One turn of the launcher's loop: what to wait for, and what to do then.

#include <poll.h>

#include <chrono>
#include <functional>
#include <vector>

namespace mlx::launch {

using Clock = std::chrono::steady_clock;

class Poller {
 public:
  /// `ready` is called by the next wait() if `fd` has one of `events` or has failed.
  void watch(int fd, short events, std::function<void()> ready);
  /// Waits until something is ready, no longer than `deadline`; then forgets everything.
  void wait(Clock::time_point deadline);

 private:
  std::vector<pollfd> fds_;
  std::vector<std::function<void()>> ready_;
};

}  // namespace mlx::launch
