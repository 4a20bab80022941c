#pragma once

// Messages over a queue pair, and credits.
//
// Each message uses up one credit: the peer has that many receives posted, and
// gives the credit back, in a message of its own, once it has posted the receive
// again. So no message ever finds nobody ready. The last credits are kept back:
// one to return credits, another for a window, its answer, or the farewell.
// Without them two ends that both wait for credits could not tell each other.

#include <memory>
#include <string>
#include <vector>

#include "mlx/distributed/transports/rdma/buffers.h"

namespace mlx::core::distributed::rdma {

/// What precedes the payload in a slot. One message may carry everything at once.
struct Message {
  uint32_t payload = 0;    ///< bytes that follow in the slot
  uint16_t credits = 0;    ///< filled in by the messenger
  uint16_t farewell = 0;   ///< 1: nothing follows, ever
  uint64_t announced = 0;  ///< bytes that follow through windows
  uint64_t window = 0;     ///< an address: announced bytes of the other direction go there
  uint64_t window_bytes = 0;
  uint32_t window_key = 0;
  uint32_t unused = 0;
};
static_assert(sizeof(Message) == 40);

constexpr size_t kPayload = kSlotBytes - sizeof(Message);

/// What a message is for, and so how many credits must be left after it.
enum class Purpose : uint8_t { credits = 0, window = 1, data = 2 };

class Messenger {
 public:
  /// Who hears what has come, in order. Called from look().
  class Listener {
   public:
    /// Whether the payload is still needed; then release() follows.
    virtual bool message(const Message& message, uint32_t slot) = 0;
    virtual void window_filled() = 0;
    virtual void piece_written() = 0;

   protected:
    ~Listener() = default;
  };

  /// Posts the receives. The pair is not yet connected.
  Messenger(std::shared_ptr<QueuePair> pair, Listener& listener);

  QueuePair& pair() { return *pair_; }
  Buffers& buffers() { return buffers_; }

  /// Tells the listener what has come, and returns credits.
  void look();
  /// How many completions there have been.
  uint64_t events() const { return events_; }
  /// Sends and writes that are not complete.
  bool busy() const { return under_way_ > 0; }

  /// Why nothing moves any more; empty while it does. The first reason counts:
  /// what follows are its consequences.
  const std::string& failure() const { return failure_; }
  void fail(const char* why);
  /// After an abort everything fails, which is no news.
  bool stopped() const { return pair_->aborted(); }

  bool may_send(Purpose purpose) const { return !free_.empty() && has_credit(purpose); }
  bool has_credit(Purpose purpose) const {
    return credits() > static_cast<int64_t>(purpose) && failure_.empty();
  }

  /// A slot to put a payload into. may_send() holds.
  uint32_t take_slot();
  std::byte* payload_of(uint32_t slot) { return buffers_.out_slot(slot) + sizeof(Message); }
  /// Sends it. has_credit() holds.
  void post(uint32_t slot, Message message);
  /// A message without payload. may_send() holds.
  void post(const Message& message) { post(take_slot(), message); }
  /// Writes into a window; `last` tells the peer, as a message does.
  void write(const Piece& from, const RemotePiece& to, bool last);

  const std::byte* arrived_payload(uint32_t slot) {
    return buffers_.in_slot(slot) + sizeof(Message);
  }
  /// The payload of a message that came is no longer needed.
  void release(uint32_t slot);
  /// Half of them, so that it happens rarely and yet before the peer runs dry.
  void return_credits();

 private:
  // How many messages the peer is ready for.
  int64_t credits() const { return pair_->peer_slots() + returned_; }
  void handle(const ibv_wc& completion);
  void take(uint32_t slot, size_t bytes);

  const std::shared_ptr<QueuePair> pair_;
  Listener& listener_;
  Buffers buffers_;
  std::string failure_;
  uint64_t events_ = 0;
  int64_t returned_ = 0;  // credits that came back, less those that were used
  uint32_t owed_ = 0;     // credits of the peer that it does not know of
  uint32_t under_way_ = 0;
  std::vector<uint32_t> free_;
};

}  // namespace mlx::core::distributed::rdma
