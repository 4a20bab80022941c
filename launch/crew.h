#pragma once

// The ranks of one host while they run: passes on what they say, sees how they
// end, and stops them when told.
//
// Stopping has two steps: SIGTERM to every process of the job, and after the
// grace time SIGKILL to those that are left. The crew is gone when no process
// that it started exists any more and all that they wrote has been passed on.

#include <sys/types.h>

#include <functional>
#include <string_view>
#include <vector>

#include "mlx/launch/poller.h"
#include "mlx/launch/process.h"
#include "mlx/launch/protocol.h"

namespace mlx::launch {

class Crew {
 public:
  struct Listener {
    /// No bytes: the stream has ended.
    std::function<void(const OutputHeader&, std::string_view)> output;
    std::function<void(const Ended&)> ended;
  };

  /// `watchdog` is a child of ours that is no part of the job.
  Crew(Listener listener, pid_t watchdog, std::chrono::milliseconds grace);

  /// A rank with its two outputs.
  void add(int rank, Process process);
  /// Output is read only if somebody takes it.
  void watch(Poller& poller, bool may_read);
  /// After each turn: sees who has ended, and acts on time.
  void look(bool may_read);
  /// When to look again if nothing happens.
  Clock::time_point deadline() const;

  void stop();
  void kill();
  /// Nobody listens any more: what the ranks write is lost.
  void mute();
  bool gone();

 private:
  enum class Phase { running, stopping, killing };

  struct Stream {
    OutputHeader header;
    Descriptor pipe;
  };
  struct Rank {
    int number;
    pid_t pid;
    bool ended = false;
    Stream streams[2] = {};
  };

  void read_some(Stream& stream);
  void close(Stream& stream);
  bool close_what_is_silent();
  void reap();
  void enter(Phase phase);
  void signal_all(int signal) const;
  bool ranks_ended() const;
  bool descendants() const;

  const Listener listener_;
  const pid_t watchdog_;
  const std::chrono::milliseconds grace_;
  std::vector<Rank> ranks_;
  Phase phase_ = Phase::running;
  bool told_ = false;  // to stop; not so for what lingers at the end
  Clock::time_point phase_ends_ = Clock::time_point::max();
  Clock::time_point last_activity_ = Clock::now();
};

}  // namespace mlx::launch
