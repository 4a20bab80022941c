#pragma once

// The last collectives of a group, for finding out afterwards who was where.

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "mlx/distributed/bootstrap/time_limit.h"
#include "mlx/distributed/collective.h"

namespace mlx::core::distributed {

/// One rank's record of one group. What it records is on the timeline too, when
/// there is one (core/eval/timeline.h). Listed for dump_flight_records() as long as
/// it lives. One thread at a time records; the rest is callable from any thread.
class FlightRecorder {
 public:
  static constexpr size_t kEntries = 2048;

  /// Which group, and who we are in it.
  struct Subject {
    uint32_t group = 0;
    uint64_t generation = 0;
    int rank = 0;                  ///< in the group
    std::vector<int> world_ranks;  ///< of the members, in their order
  };

  explicit FlightRecorder(Subject subject);
  ~FlightRecorder();
  FlightRecorder(const FlightRecorder&) = delete;
  FlightRecorder& operator=(const FlightRecorder&) = delete;

  /// A collective begins that was asked for at `queued`; ended() or failed() follows.
  void began(const Header& header, Operation operation, int peer, Clock::time_point queued,
             Clock::time_point started);
  void ended();
  void failed();
  /// Why the group cannot be used any more.
  void poisoned(const std::string& why);

  /// Everything as JSON; docs/telemetry.md describes it.
  std::string json() const;
  /// Writes json() to `folder`, made if it is not there, as
  /// flight-<group>-<world rank>[-<generation>].json, by way of a temporary
  /// file. False, and a warning in the log, when that is not possible.
  bool dump(const std::string& folder) const;

 private:
  enum class State : uint8_t { running, done, failed };
  struct Entry {
    Header header;
    Operation operation;
    State state;
    int peer;
    Clock::time_point queued;
    Clock::time_point started;
    Clock::time_point ended;
  };

  Entry& last() { return entries_[(count_ - 1) % kEntries]; }
  static const char* state_name(State state);
  void finish(State state);
  void trace(const Entry& entry) const;
  int world_rank(int rank) const { return subject_.world_ranks[static_cast<size_t>(rank)]; }
  std::string file_name() const;

  const Subject subject_;
  mutable std::mutex dumping_;  // one dump at a time writes the temporary file
  mutable std::mutex mutex_;    // of what follows; nobody contends for it but a dump
  std::array<Entry, kEntries> entries_;
  uint64_t count_ = 0;
  std::string error_;
};

}  // namespace mlx::core::distributed
