#pragma once

// The seam between the algorithms and the wires: bytes between the ranks of a
// group. Everything above it (chunks, segments, reductions, checks, errors) is
// written once; everything below it only moves bytes.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "mlx/distributed/bootstrap/time_limit.h"

namespace mlx::core::distributed {

struct Collective;
struct Transfer;

/// What becomes of one rank of a group that is split.
struct Part {
  uint32_t group = 0;            ///< the id of its new group
  int color = 0;                 ///< which of the parts, from 0
  int rank = 0;                  ///< in the new group
  std::vector<int> world_ranks;  ///< the members of the new group in its order
};

/// Moves bytes between the ranks of one group. Used by one thread at a time.
class Transport {
 public:
  enum class Ticket : uint64_t {};

  virtual ~Transport() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// Which host a rank is on: equal numbers share one.
  virtual int host_of(int /*peer*/) const { return 0; }

  /// Starts a transfer; `bytes` stays alive and untouched until wait(). In order per peer.
  /// What is sent at once may be received in segments (algorithms/chunks.h).
  virtual Ticket send(int peer, std::span<const std::byte> bytes) = 0;
  virtual Ticket recv(int peer, std::span<std::byte> bytes) = 0;
  /// As send(), for a receiver that may come late: what the transport can keep
  /// (about 1 MiB within a host) does not wait for it, so two ranks may both send first.
  virtual Ticket post(int peer, std::span<const std::byte> bytes) { return send(peer, bytes); }

  /// Returns when the transfer is complete. Everything that is pending moves on meanwhile.
  /// Errors: PeerLostError and TimeoutError, whose where().peer is the other end;
  ///         AbortedError.
  virtual void wait(Ticket ticket, Deadline deadline) = 0;

  /// Returns when one of the transfers is complete, and which. Errors: as wait().
  /// A transport that can only wait for a certain one waits for the first; then
  /// the ranks must not depend on the order in which a batch of messages comes.
  virtual size_t wait_any(std::span<const Ticket> tickets, Deadline deadline) {
    wait(tickets.front(), deadline);
    return 0;
  }

  /// Wakes and fails everything pending, whose memory is not touched any more
  /// when it returns. Callable from any thread, and again.
  virtual void abort() noexcept = 0;

  /// A call has failed: keeps what it used, if the library behind the transport
  /// cannot be told to stop using it.
  virtual void hold(std::shared_ptr<void> /*memory*/) {}

  /// Whether run_native() is better than the generic algorithms for this
  /// collective. The answer depends only on what all ranks agree on.
  virtual bool is_native(const Collective&) const { return false; }
  /// Runs the collective by the library behind the transport. The headers have
  /// been compared with the neighbours' by then.
  /// Errors: as wait().
  virtual void run_native(const Collective&, Deadline) {}
  /// The same for messages. Headers have been compared with each peer's by then.
  virtual bool is_native(std::span<const Transfer>) const { return false; }
  virtual void run_native(std::span<const Transfer>, Deadline) {}

  /// Whether split() can make the transports of the group's parts. Where a rank's
  /// cannot, the fabric connects them as it connected this one.
  virtual bool can_split() const { return false; }
  /// The transport of this rank's part. All ranks call it at the same point, each
  /// with its part. Errors: as wait(), after which this transport is of no use.
  virtual std::unique_ptr<Transport> split(const Part&, Deadline) { return nullptr; }
};

/// How data moves between the ranks of a job. All groups of the job share it.
class Fabric {
 public:
  virtual ~Fabric() = default;

  /// The transport of one group. `world_ranks` are its members in its own order,
  /// this process among them. All members call it at the same point.
  /// Errors: PeerLostError, TimeoutError.
  virtual std::unique_ptr<Transport> connect(uint32_t group, std::vector<int> world_ranks) = 0;
};

}  // namespace mlx::core::distributed
