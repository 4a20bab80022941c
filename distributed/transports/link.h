#pragma once

// One pair of ranks: a stream of bytes each way. Nothing here waits; who has
// nothing to do sleeps in poll(2) on the links' descriptors.

#include <poll.h>

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

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
  /// As write(), but what there is room for does not wait until it is read.
  virtual std::optional<size_t> post(std::span<const std::byte> bytes) { return write(bytes); }

  /// Passes on what was gathered. True when nothing is left; empty when the peer is gone.
  virtual std::optional<bool> flush() = 0;

  /// Announces that the caller sleeps until it can read or write, and adds what
  /// to poll; false when there is something to do already.
  virtual bool arm(bool reading, bool writing, std::vector<pollfd>& polled) = 0;
  /// What poll found for what the last arm() has added.
  virtual void woken(std::span<const pollfd> polled) = 0;

  /// The transport is aborted: the peer takes nothing more from memory of the
  /// caller's. Callable from any thread.
  virtual void abort() noexcept {}
};

}  // namespace mlx::core::distributed
