#pragma once

// The last collectives of a group, for finding out afterwards who was where.

#include <array>
#include <mutex>
#include <string>

#include "mlx/distributed/bootstrap/time_limit.h"
#include "mlx/distributed/collective.h"

namespace mlx::core::distributed {

class FlightRecorder {
 public:
  static constexpr size_t kEntries = 2048;

  FlightRecorder(int rank, int size, uint32_t group) : rank_(rank), size_(size), group_(group) {}

  /// A collective begins; ended() or failed() follows.
  void began(const Header& header, Operation operation, int peer);
  void ended();
  void failed(const std::string& why);

  /// Everything as JSON. Callable from any thread.
  std::string json() const;
  /// Writes json() to `folder`/flight-<group>-<rank>.json by way of a temporary
  /// file. False when that is not possible.
  bool dump(const std::string& folder) const;

 private:
  enum class State : uint8_t { running, done, failed };
  struct Entry {
    Header header;
    Operation operation;
    State state;
    int peer;
    Clock::time_point began;
    Clock::time_point ended;
  };

  Entry& last() { return entries_[(count_ - 1) % kEntries]; }

  const int rank_;
  const int size_;
  const uint32_t group_;
  mutable std::mutex mutex_;
  std::array<Entry, kEntries> entries_;
  uint64_t count_ = 0;
  std::string error_;
};

}  // namespace mlx::core::distributed
