#include "mlx/distributed/transports/pulse.h"

namespace mlx::core::distributed {

void Pulse::received(size_t bytes) {
  received_.fetch_add(bytes, std::memory_order_relaxed);
  hungry_since_.store(0, std::memory_order_relaxed);
}

void Pulse::hungers() {
  if (hungry_since_.load(std::memory_order_relaxed) == 0) {
    hungry_since_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
  }
}

std::optional<uint64_t> Pulse::starved(Milliseconds limit) const {
  const auto since = hungry_since_.load(std::memory_order_relaxed);
  if (since == 0 || Clock::now() - Deadline(Clock::duration(since)) < limit) return {};
  return received_.load(std::memory_order_relaxed);
}

bool Pulse::swallowed(uint64_t received_there, Milliseconds limit) {
  const auto now = Clock::now();
  if (!first_ || first_->received_there != received_there) {
    first_ = {received_there, sent_.load(std::memory_order_relaxed), now};
    return false;
  }
  return first_->sent > received_there && now - first_->when >= limit;
}

}  // namespace mlx::core::distributed
