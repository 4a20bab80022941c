#pragma once

// Where the processes of a job meet, and who tells them that one is gone.
//
// The server is a small table of keys and values, kept by rank 0 or by the
// launcher. Each rank holds one authenticated connection to it for the life of
// the job. Both ends send a heartbeat; a connection that closes without a
// farewell, or is silent for the heartbeat limit, is a lost rank, and the
// server tells all others at once. Whatever a rank reports (a desync, a
// deadline) goes the same way, so everybody hears the first cause first.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "mlx/distributed/bootstrap/endpoint.h"
#include "mlx/distributed/bootstrap/environment.h"
#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/bootstrap/frame.h"
#include "mlx/distributed/bootstrap/meetings.h"
#include "mlx/distributed/bootstrap/secret.h"

namespace mlx::core::distributed {

/// The server side, on a thread of its own. Connections that do not prove the
/// secret, the generation and a rank below world_size are dropped and logged.
class RendezvousServer {
 public:
  struct Options {
    Endpoint address;  ///< port 0: any free port
    Secret secret;
    uint64_t generation = 0;
    int world_size = 1;
    Milliseconds heartbeat_limit{10'000};
    Milliseconds handshake_limit{5'000};
  };

  /// Errors: DistributedError when the address cannot be bound.
  explicit RendezvousServer(Options options);
  /// Says farewell to the ranks that are still there.
  ~RendezvousServer();

  /// Where it listens: with the port that was chosen.
  const Endpoint& address() const;

  /// Ranks that have proved themselves so far and have neither left nor been lost.
  int present() const;

  /// Returns when every rank that has come has left or been lost.
  void wait_until_alone() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A rank's end. Thread-safe.
class Rendezvous {
 public:
  /// Called on the rendezvous' own thread; must not block.
  using Listener = std::function<void(const Failure&)>;
  /// For those who watch connections; called in the same way. Either may be empty.
  struct Watch {
    std::function<void(const Silence&)> silence;  ///< somebody waits for our data
    std::function<void()> beat;                   ///< four times in each heartbeat limit
  };

  /// Connects and authenticates; tries again until the deadline.
  /// Errors: TimeoutError when nobody answers, AuthenticationError when the
  ///         last who did was of another job.
  Rendezvous(const Environment& environment, Listener listener, Deadline deadline,
             Watch watch = {});
  /// Says farewell.
  ~Rendezvous();

  void set(std::string_view key, std::string_view value);
  static constexpr int kAnyRank = -1;
  /// The value, as soon as somebody has set it.
  /// Errors: TimeoutError; PeerLostError when the server or `needed` has died.
  std::string get(std::string_view key, Deadline deadline, int needed = kAnyRank);

  /// Those of `ranks` who still are in the job, when all of them have called this.
  /// `group` tells meetings of the same ranks apart.
  /// Errors: TimeoutError naming who has not come; PeerLostError when the server
  ///         is gone.
  Meeting meet(uint32_t group, const std::vector<int>& ranks, Deadline deadline);

  /// Tells every other rank. The listeners of the others are called, not ours.
  void report(const Failure& failure);
  /// Tells the rank that is silent.
  void tell(const Silence& silence);

  /// The address of this host from which the server was reached.
  const std::string& local_host() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mlx::core::distributed
