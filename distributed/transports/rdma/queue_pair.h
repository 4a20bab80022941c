#pragma once

// A reliable connection to one peer: its queues, its way from nothing to ready,
// and the verbs on it. What to send when is the link's business.

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "mlx/distributed/transports/rdma/card.h"
#include "mlx/distributed/transports/rdma/device.h"

namespace mlx::core::distributed::rdma {

/// A piece of registered memory.
struct Piece {
  const std::byte* data;
  size_t bytes;
  uint32_t local_key;
};

/// A piece of the peer's memory.
struct RemotePiece {
  uint64_t address;
  uint32_t remote_key;
};

class QueuePair {
 public:
  /// Errors: DistributedError when the device has no room for it.
  explicit QueuePair(std::shared_ptr<Device> device);

  Device& device() const { return *device_; }
  /// How many receives, and how many sends, it holds.
  uint32_t slots() const { return slots_; }
  /// What the peer must know of us.
  const Card& card() const { return card_; }

  /// Ready to receive and to send. Errors: DistributedError.
  void connect(const Card& theirs);
  /// The most bytes of one message, on both ends.
  size_t most_bytes() const { return most_bytes_; }
  /// What the peer keeps posted.
  uint32_t peer_slots() const { return peer_slots_; }

  // These return an errno, 0 if all is well. The completion carries `id`.
  int receive(uint64_t id, const Piece& into);
  int send(uint64_t id, const Piece& from);
  /// Writes to the peer's memory; `last` completes a receive there, with `note`.
  int write(uint64_t id, const Piece& from, const RemotePiece& to, bool last, uint32_t note);

  /// Completions that are there; their number, negative when the queue broke.
  int poll(std::span<ibv_wc> completions);
  const char* status_text(ibv_wc_status status) const;

  /// The descriptor becomes readable with the next completion.
  int arm();
  int descriptor() const { return channel_->fd; }
  void take_events();

  /// Ends every request, ours and the peer's: after it, the device touches no
  /// memory on behalf of this pair. Callable from any thread.
  void abort() noexcept;
  bool aborted() const { return aborted_; }

 private:
  void create();
  void modify(ibv_qp_attr& attributes, int mask, const char* state);
  void init();
  void ready_to_receive(const Card& theirs);
  void ready_to_send();

  const std::shared_ptr<Device> device_;
  const Verbs& verbs_;
  const uint32_t slots_;
  uint32_t most_inline_ = 0;
  uint32_t peer_slots_ = 0;
  size_t most_bytes_ = 0;
  // In the order in which they depend on each other.
  Channel channel_;
  CompletionQueue queue_;
  Pair pair_;
  Card card_;
  std::atomic<bool> aborted_ = false;
};

}  // namespace mlx::core::distributed::rdma
