#include "mlx/distributed/turnstile.h"

namespace mlx::core::distributed {

uint64_t Turnstile::reserve() { return ++reserved_; }

bool Turnstile::enter(uint64_t turn) {
  if (current_ >= turn) return false;
  std::unique_lock lock(mutex_);
  moved_.wait(lock, [&] { return open_ || current_ >= turn; });
  return true;
}

void Turnstile::leave(uint64_t turn) {
  {
    const std::lock_guard lock(mutex_);
    if (turn < current_) return;
    if (turn != current_) {
      left_.insert(turn);
      return;
    }
    ++current_;
    while (!left_.empty() && left_.erase(current_) > 0) ++current_;
  }
  moved_.notify_all();
}

void Turnstile::open() {
  {
    const std::lock_guard lock(mutex_);
    open_ = true;
  }
  moved_.notify_all();
}

}  // namespace mlx::core::distributed
