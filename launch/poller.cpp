#include "mlx/launch/poller.h"

#include <algorithm>

namespace mlx::launch {

void Poller::watch(int fd, short events, std::function<void()> ready) {
  fds_.push_back({fd, events, 0});
  ready_.push_back(std::move(ready));
}

void Poller::wait(Clock::time_point deadline) {
  using std::chrono::milliseconds;
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
  const int timeout = static_cast<int>(std::clamp<decltype(left)>(left, 0, 3'600'000));
  if (poll(fds_.data(), fds_.size(), timeout) > 0) {
    for (size_t i = 0; i < fds_.size(); ++i) {
      if (fds_[i].revents) ready_[i]();
    }
  }
  fds_.clear();
  ready_.clear();
}

}  // namespace mlx::launch
