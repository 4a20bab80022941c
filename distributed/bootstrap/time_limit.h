#pragma once

// Points in time by which something must have happened. Nothing waits without one.

#include <chrono>

namespace mlx::core::distributed {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;
using Milliseconds = std::chrono::milliseconds;

inline Deadline after(Milliseconds limit) { return Clock::now() + limit; }

/// Time left for poll(2): rounded up, 0 when the deadline has passed.
inline int poll_timeout(Deadline deadline) {
  const auto left = std::chrono::ceil<Milliseconds>(deadline - Clock::now()).count();
  return left <= 0 ? 0 : static_cast<int>(left < 3'600'000 ? left : 3'600'000);
}

}  // namespace mlx::core::distributed
