#pragma once

// The errors of a job of several processes. Each carries what was going on, so
// that a program can act on it and a person can read it.

#include <cstdint>
#include <stdexcept>
#include <string>

#include "mlx/distributed/bootstrap/time_limit.h"

namespace mlx::core::distributed {

/// What a rank was doing when it failed. -1 and "" mean: does not apply.
struct Circumstances {
  int rank = -1;            ///< who reports, in the numbering of the group
  int peer = -1;            ///< whom it is about
  uint32_t group = 0;       ///< the world is group 0
  std::string operation;    ///< "all_sum", ...
  uint64_t number = 0;      ///< how many collectives the group had issued before
  uint64_t bytes = 0;       ///< size of the operation's input
  Milliseconds elapsed{0};  ///< since the operation began
};

class DistributedError : public std::runtime_error {
 public:
  explicit DistributedError(const std::string& message, Circumstances where = {});
  const Circumstances& where() const { return where_; }

 private:
  Circumstances where_;
};

/// A process of the job died, left, or has been silent for too long.
class PeerLostError : public DistributedError {
  using DistributedError::DistributedError;
};

/// A deadline passed while every process seemed alive.
class TimeoutError : public DistributedError {
  using DistributedError::DistributedError;
};

/// Two ranks are not at the same collective of their group.
class DesyncError : public DistributedError {
  using DistributedError::DistributedError;
};

/// The group was given up, here or by another rank; the message says why.
class AbortedError : public DistributedError {
  using DistributedError::DistributedError;
};

/// The other end does not know the job's secret or belongs to another job.
class AuthenticationError : public DistributedError {
  using DistributedError::DistributedError;
};

/// Why a group cannot go on: what travels to the other ranks.
struct Failure {
  enum class Kind : uint8_t {
    lost,     ///< `rank` died or is silent
    left,     ///< `rank` finished; what it had sent is still good
    desync,   ///< `reporter` and `rank` (-1: all) are at different collectives
    timeout,  ///< `reporter` waited for `rank` until its deadline
    aborted,  ///< `reporter` gave the group up
  };
  /// Means every group that the rank belongs to.
  static constexpr uint32_t kEveryGroup = UINT32_MAX;

  Kind kind = Kind::aborted;
  uint32_t group = kEveryGroup;
  int rank = -1;      ///< in the numbering of the world; -1: nobody in particular
  int reporter = -1;  ///< in the numbering of the world; -1: the rendezvous
  std::string text;   ///< one sentence without a full stop
};

/// Throws the error of that kind: DesyncError for the two ranks involved,
/// AbortedError for the others, and so on. `where.rank` is who throws.
[[noreturn]] void throw_failure(const Failure& failure, Circumstances where);

}  // namespace mlx::core::distributed
