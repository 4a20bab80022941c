#include "mlx/launch/verdict.h"

#include <sys/wait.h>

#include "mlx/launch/error.h"
#include "mlx/launch/summary.h"

namespace mlx::launch {
namespace {

// Until the end of a peer has reached the launcher on all ways.
constexpr std::chrono::milliseconds kMoment{1'000};

}  // namespace

void Verdict::rank_failed(const Ended& end, Clock::time_point when) {
  const bool killed = WIFSIGNALED(end.wait_status) && !end.stopped;
  const bool instead = cause_ == Cause::rank && killed && !WIFSIGNALED(rank_.wait_status) &&
                       when <= failed_at_ + kMoment;
  if (decided() && !instead) return;
  if (!decided()) failed_at_ = when;
  cause_ = Cause::rank;
  rank_ = end;
  exit_code_ = exit_code_of(end.wait_status);
}

void Verdict::host_lost(size_t host, Clock::time_point last_heard) {
  const bool instead = cause_ == Cause::rank && last_heard <= failed_at_ + kMoment;
  if (decided() && !instead) return;
  cause_ = Cause::host;
  host_ = host;
  exit_code_ = LaunchError::kHostFailed;
}

void Verdict::ordered(std::string reason, int exit_code) {
  if (decided()) return;
  cause_ = Cause::order;
  reason_ = std::move(reason);
  exit_code_ = exit_code;
}

}  // namespace mlx::launch
