#pragma once

// What stands behind a Group: one rank's end of a set of ranks that run
// collectives together.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mlx/core/stream.h"
#include "mlx/distributed/bootstrap/environment.h"
#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/collective.h"
#include "mlx/distributed/exchange.h"
#include "mlx/distributed/mailbox.h"
#include "mlx/distributed/origin.h"
#include "mlx/distributed/roll_call.h"
#include "mlx/distributed/telemetry/flight_recorder.h"
#include "mlx/distributed/transport.h"
#include "mlx/distributed/turnstile.h"

namespace mlx::core::distributed::detail {

struct GroupOptions {
  uint64_t generation = 0;
  uint32_t group = 0;
  std::vector<int> world_ranks;  ///< of the members, in their order
  Milliseconds operation_limit{600'000};
  std::string algorithm;           ///< a wish; empty: choose
  std::string flight_folder;       ///< where to dump after a failure; empty: nowhere
  bool detail = false;             ///< compares each collective across all ranks first
  std::shared_ptr<Origin> origin;  ///< null: only a group of one
  /// Tells the other ranks why this one gave up.
  std::function<void(const Failure&)> report = [](const Failure&) {};
};

/// How one call differs from the others of its group.
struct Call {
  uint64_t turn = 0;      ///< of reserve(); 0: the next one
  Milliseconds limit{0};  ///< 0: the group's
};

class GroupImpl {
 public:
  GroupImpl(std::unique_ptr<Transport> transport, GroupOptions options);
  virtual ~GroupImpl() = default;

  int rank() const { return rank_; }
  int size() const { return size_; }

  /// The stream on which the group's collectives run unless the caller names one.
  Stream stream();

  /// How long a call may take unless it says otherwise.
  Milliseconds limit() const { return limit_; }
  void set_limit(Milliseconds limit) { limit_ = limit; }

  /// The turn of a call that comes later, perhaps on another thread. It is to be
  /// used or forgone: all calls that reserve after it wait for it.
  uint64_t reserve() { return turns_.reserve(); }
  void forgo(uint64_t turn) { turns_.leave(turn); }

  /// Runs a collective and returns when this rank's part is complete. Callers
  /// on several threads take turns. All ranks call in the same order.
  /// Errors: PeerLostError, TimeoutError, DesyncError, AbortedError. After one
  ///         of them every later call throws it again at once.
  void run(const Collective& collective, Call call = {});

  /// Sends and receives that move at the same time. Their peers, and only they,
  /// call it with the other ends.
  /// Errors: as above.
  void run(std::span<const Transfer> transfers, const Keeper* keeper = nullptr, Call call = {});

  /// As the public functions of these names.
  std::shared_ptr<GroupImpl> split(int color, int key);
  std::shared_ptr<GroupImpl> shrink();
  void monitored_barrier(Milliseconds limit);

  /// Something happened to a rank; poisons the group when it concerns it.
  /// Callable from any thread.
  void notice(const Failure& failure);

  /// Gives the group up, here and on the other ranks.
  void abort(const std::string& why);

  const FlightRecorder& recorder() const { return recorder_; }

 private:
  Header header_for(const Collective& collective, Algorithm algorithm);
  Header blank_header() const;
  Milliseconds limit_of(const Call& call) const;
  void throw_if_failed(Operation operation, Reduction reduction, int peer, uint64_t bytes) const;
  struct Times {
    Clock::time_point queued, started;
  };
  static Times times_of(Clock::time_point queued, const Turnstile::Pass& pass);
  template <typename Body>
  void run_recorded(const Header& header, Operation operation, int peer, Times times,
                    Milliseconds limit, const Keeper* keeper, const Body& body);
  void explain(const std::exception_ptr& error, const Circumstances& where, Milliseconds limit);
  void move(const Collective& collective, Algorithm algorithm, Deadline deadline);
  void move(std::span<const Transfer> transfers, Deadline deadline);
  bool poison(Failure failure);
  std::optional<Failure> failure() const;
  void settle(Failure ours, bool wait_for_verdict);
  std::optional<Failure> in_our_numbers(Failure failure) const;
  template <typename T>
  std::vector<T> gather_from_all(const T& mine);
  std::unique_ptr<Transport> split_transport(const Part& part);
  Circumstances circumstances(const Header& header, Operation operation, int peer) const;

  const std::unique_ptr<Transport> transport_;
  const GroupOptions options_;
  const int rank_;
  const int size_;
  FlightRecorder recorder_;

  std::atomic<Milliseconds> limit_;
  Turnstile turns_;                           // of run()
  const std::shared_ptr<Exchange> exchange_;  // shared with a transport that holds their memory
  const std::shared_ptr<Mailbox> mailbox_;
  const std::shared_ptr<RollCall> roll_call_;
  std::atomic<uint64_t> issued_ = 0;

  mutable std::mutex mutex_;
  std::optional<Stream> stream_;  // by mutex_
  std::condition_variable failed_;
  std::optional<Failure> failure_;  // the first cause, by mutex_
  std::atomic<bool> has_failed_ = false;
};

}  // namespace mlx::core::distributed::detail
