#pragma once

// Why a job ended: who is to blame, as the first reports do not always tell it.

#include <chrono>
#include <optional>
#include <string>

#include "mlx/launch/poller.h"
#include "mlx/launch/protocol.h"

namespace mlx::launch {

class Verdict {
 public:
  enum class Cause {
    none,   ///< every rank ended with 0
    rank,   ///< a rank failed
    host,   ///< a host was lost
    order,  ///< somebody said so, or the job could not be started
  };

  /// The first of these decides, but for ranks that fail because a peer has vanished:
  /// one that was killed before anybody was stopped, and a host that has said nothing any
  /// more since a moment after the failure, are blamed instead.
  void rank_failed(const Ended& end, Clock::time_point when);
  void host_lost(size_t host, Clock::time_point last_heard);
  void ordered(std::string reason, int exit_code);

  Cause cause() const { return cause_; }
  bool decided() const { return cause_ != Cause::none; }
  int exit_code() const { return exit_code_; }
  const Ended& rank() const { return rank_; }            ///< if that is the cause
  size_t host() const { return host_; }                  ///< if that is the cause
  const std::string& reason() const { return reason_; }  ///< of an order

 private:
  Cause cause_ = Cause::none;
  int exit_code_ = 0;
  Ended rank_;
  Clock::time_point failed_at_;
  size_t host_ = 0;
  std::string reason_;
};

}  // namespace mlx::launch
