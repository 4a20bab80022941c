#include "mlx/launch/poller.h"

#include <algorithm>
#include <utility>

namespace mlx::launch {

void Poller::watch(int fd, short events, std::function<void()> ready) {
  fds_.push_back({fd, events, 0});
  ready_.push_back(std::move(ready));
}

void Poller::wait(Clock::time_point deadline) {
  using std::chrono::milliseconds;
  // Ours alone: forgotten whatever the callbacks throw.
  const auto ready = std::exchange(ready_, {});
  auto fds = std::exchange(fds_, {});
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
  const int timeout = static_cast<int>(std::clamp<decltype(left)>(left, 0, 3'600'000));
  if (poll(fds.data(), fds.size(), timeout) <= 0) return;
  for (size_t i = 0; i < fds.size(); ++i) {
    if (fds[i].revents) ready[i]();
  }
}

}  // namespace mlx::launch
