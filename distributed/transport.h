#pragma once

// The seam between the algorithms and the wires: bytes between the ranks of a
// group. Everything above it (chunks, segments, reductions, checks, errors) is
// written once; everything below it only moves bytes.

#include <cstddef>
#include <cstdint>
#include <span>

#include "mlx/distributed/bootstrap/time_limit.h"

namespace mlx::core::distributed {

struct Collective;

/// Moves bytes between the ranks of one group. Used by one thread at a time.
class Transport {
 public:
  enum class Ticket : uint64_t {};

  virtual ~Transport() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// Starts a transfer; `bytes` stays alive and untouched until wait(). In order per peer.
  virtual Ticket send(int peer, std::span<const std::byte> bytes) = 0;
  virtual Ticket recv(int peer, std::span<std::byte> bytes) = 0;

  /// Returns when the transfer is complete. Everything that is pending moves on meanwhile.
  /// Errors: PeerLostError, TimeoutError, AbortedError.
  virtual void wait(Ticket ticket, Deadline deadline) = 0;

  /// Wakes and fails everything pending. Callable from any thread.
  virtual void abort() noexcept = 0;

  /// Runs the collective natively and returns true, or false to use the generic algorithm.
  virtual bool run_native(const Collective&, Deadline) { return false; }
};

}  // namespace mlx::core::distributed
