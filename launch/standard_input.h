#pragma once

// Our own standard input, on its way to the ranks.

#include <cstdint>
#include <functional>
#include <string_view>

#include "mlx/launch/poller.h"

namespace mlx::launch {

/// Reads as fast as the fastest rank does.
class StandardInput {
 public:
  /// What becomes of the bytes; none: the end.
  using Sink = std::function<void(std::string_view)>;

  /// Reads from `source`, which stays open.
  explicit StandardInput(int source) : source_(source) {}

  /// For the next turn; `wanted`: somebody would read more.
  void watch(Poller& poller, bool wanted, const Sink& sink);
  /// The fastest rank has so many of the bytes since the last start_over().
  void taken(uint64_t offset);
  /// New ranks: they get what comes from now on.
  void start_over();
  bool ended() const { return ended_; }

 private:
  void read_some(const Sink& sink);

  int source_;
  bool ended_ = false;
  uint64_t read_ = 0;
  uint64_t taken_ = 0;
};

}  // namespace mlx::launch
