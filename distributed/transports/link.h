#pragma once

// One pair of ranks: a stream of bytes each way. Nothing here waits; who has
// nothing to do sleeps in poll(2) on the links' descriptors.

#include <poll.h>

#include <cstddef>
#include <optional>
#include <span>

namespace mlx::core::distributed {

class Link {
 public:
  virtual ~Link() = default;

  /// Bytes moved now, fewer when it would block; empty when the peer is gone.
  /// Small writes may be gathered until the next flush(). Bytes that did not move
  /// are passed again in the next call: the link may have begun to move them, and
  /// touches them until then, or until its connector is aborted.
  /// Errors: PeerLostError where there is more to say than that it is gone.
  virtual std::optional<size_t> write(std::span<const std::byte> bytes) = 0;
  virtual std::optional<size_t> read(std::span<std::byte> bytes) = 0;

  /// Passes on what was gathered. True when nothing is left; empty when the peer is gone.
  virtual std::optional<bool> flush() = 0;

  /// Announces that the caller sleeps until it can read or write, and returns
  /// what to poll; empty when there is something to do already.
  virtual std::optional<pollfd> arm(bool reading, bool writing) = 0;
  /// What poll found for it.
  virtual void woken(short events) = 0;
};

}  // namespace mlx::core::distributed
