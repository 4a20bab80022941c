#pragma once

// Watches a running job: forwards what the ranks say, sees how they end, and
// stops them all when one fails, time is up or somebody says so.
//
// Stopping has two steps: SIGTERM to every process of the job, and after the
// grace time SIGKILL to those that are left. The job is over when no process
// that it started exists any more and all that they wrote has been passed on.

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "mlx/launch/display.h"
#include "mlx/launch/input.h"
#include "mlx/launch/line_buffer.h"
#include "mlx/launch/options.h"
#include "mlx/launch/poller.h"
#include "mlx/launch/process.h"
#include "mlx/launch/summary.h"

namespace mlx::launch {

class Supervisor {
 public:
  /// `signals` is a signalfd for SIGCHLD and for what asks us to stop;
  /// `watchdog` is a child of ours that is no part of the job.
  Supervisor(const Options& options, int signals, pid_t watchdog);

  /// The next rank.
  void add(Process process);
  /// A rank cannot be started: the job ends with this.
  void give_up(const std::string& reason, int exit_code);
  /// A line about the job, if --verbose.
  void note(const std::string& line);

  /// Watches until the end; returns the exit code.
  int run();

 private:
  enum class Phase { running, stopping, killing };

  struct Stream {
    Descriptor pipe;
    LineBuffer lines;
    int target;
  };
  struct Rank {
    RankEnd end;
    bool ended = false;
    bool stopped = false;  // it still ran when we began to stop
    Stream output, errors;
    Tail last_errors = {};
  };

  LineBuffer make_lines(size_t rank, int target) const;

  void watch_everything();
  Clock::time_point next_deadline() const;
  void act_on_time();
  void on_signal();
  void read_some(Rank& rank, Stream& stream);
  void close(Stream& stream);

  void reap();
  void fail(const Rank& first);
  void stop(std::string reason, int exit_code);
  void enter(Phase phase);
  void signal_all(int signal) const;

  bool ranks_ended() const;
  bool descendants() const;
  void drain();
  bool over();
  std::string epilogue() const;

  const Options& options_;
  const int signals_;
  const pid_t watchdog_;
  const Clock::time_point started_ = Clock::now();
  Display display_;
  Input input_;
  Poller poller_;
  std::vector<Rank> ranks_;

  Phase phase_ = Phase::running;
  Clock::time_point phase_ends_ = Clock::time_point::max();
  Clock::time_point last_activity_ = started_;
  std::optional<size_t> failed_;  // the first rank that did
  std::string reason_;            // why we stopped, if no rank failed
  int exit_code_ = 0;
  bool stopping_ = false;   // for the reason above; not set for what lingers at the end
  bool impatient_ = false;  // the user said so twice
};

}  // namespace mlx::launch
