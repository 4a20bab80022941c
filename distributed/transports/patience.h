#pragma once

// How to wait beside others that need the processor.

#include <sched.h>

#include <algorithm>
#include <thread>

#include "mlx/distributed/bootstrap/time_limit.h"

namespace mlx::core::distributed {

/// How many cores this process may use: with more ranks than that, who waits must give way.
inline int usable_cores() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

/// For a library that can only be asked whether it is done: looks again at once
/// for a while, then offers the processor to others between looks, and then
/// sleeps between them for longer and longer.
class Patience {
 public:
  /// `crowded`: others need this processor to get on.
  explicit Patience(bool crowded = false) : looks_(crowded ? kLooksInARow : 0) {}

  /// Between two looks.
  void pause() {
    if (++looks_ < kLooksInARow) return;
    const auto now = Clock::now();
    if (looks_ <= kLooksInARow + 1) give_way_until_ = now + kGiveWay;
    if (now < give_way_until_) {
      sched_yield();
    } else {
      std::this_thread::sleep_for(nap_);
      nap_ = std::min(nap_ * 2, kLongestNap);
    }
  }

 private:
  static constexpr int kLooksInARow = 100;
  static constexpr std::chrono::microseconds kGiveWay{200};
  // Short beside what a waiting program notices, long beside the cost of a look.
  static constexpr std::chrono::microseconds kLongestNap{1000};

  int looks_;
  Deadline give_way_until_{};
  std::chrono::microseconds nap_{20};
};

}  // namespace mlx::core::distributed
