#pragma once

// The bytes of one TCP connection as its two ends count them. A connection can
// be cut without either end being told: a cable, a route, a box in between that
// swallows what it gets. The ranks are alive then and their heartbeats go on.
// So a rank that has waited for data tells the other one, through the rendezvous,
// how much it has had; when that is less than what was sent a while ago, the
// connection is dead.

#include <atomic>
#include <cstdint>
#include <optional>

#include "mlx/distributed/bootstrap/time_limit.h"

namespace mlx::core::distributed {

class Pulse {
 public:
  // From the thread of the link.
  void sent(size_t bytes) { sent_.fetch_add(bytes, std::memory_order_relaxed); }
  void received(size_t bytes);
  /// The link sleeps for want of data.
  void hungers();

  // From the thread of the rendezvous.
  /// How much has come, if the link has waited for more for so long.
  std::optional<uint64_t> starved(Milliseconds limit) const;
  /// The other end waits and has had so much: whether it lacks something that
  /// was sent `limit` ago or earlier. True only after it has been told twice.
  bool swallowed(uint64_t received_there, Milliseconds limit);

 private:
  struct Report {
    uint64_t received_there;
    uint64_t sent;
    Deadline when;
  };

  std::atomic<uint64_t> sent_{0};
  std::atomic<uint64_t> received_{0};
  std::atomic<Clock::rep> hungry_since_{0};  // 0: is not
  std::optional<Report> first_;              // of those that tell the same number
};

}  // namespace mlx::core::distributed
