#pragma once

// How bytes become messages.
//
// Small writes are gathered into a slot and sent as one message into a slot of
// the peer. A large write is announced: so many bytes follow that are in no
// message. The reader answers with a window, a place in its memory, as often as
// it needs, and the writer fills each window by one remote write, from the memory
// in which the bytes are. Where memory is not registered the bytes pass through
// the staging buffers, on either end, and the other end sees no difference.

#include <deque>

#include "mlx/distributed/transports/rdma/messenger.h"

namespace mlx::core::distributed::rdma {

/// The outgoing half of a link.
class Writer {
 public:
  explicit Writer(Messenger& messenger) : messenger_(messenger) {}

  /// Bytes that moved; 0 when it would block. A write that has begun goes on
  /// with the bytes that remain.
  size_t write(std::span<const std::byte> bytes);
  /// Sends what has been gathered; false while there is no credit for it.
  bool flush();
  bool gathering() const { return gathering_; }
  /// Whether a remote write is under way.
  bool writing() const { return piece_ > 0; }

  /// The peer has opened a window. False: it makes no sense.
  bool window_opened(const RemotePiece& place, uint64_t bytes);
  void piece_written() { piece_written_ = true; }

 private:
  bool open_slot();
  size_t gather(std::span<const std::byte> bytes);
  bool start_piece(std::span<const std::byte> bytes);
  size_t finish_piece();

  Messenger& messenger_;
  bool gathering_ = false;
  uint32_t slot_ = 0;  // in which it is
  Message gathered_;
  uint64_t announced_ = 0;  // and not yet written
  RemotePiece window_{};
  uint64_t window_bytes_ = 0;  // that are still to be written to
  size_t piece_ = 0;           // under way
  bool piece_written_ = false;
  std::shared_ptr<Region> source_;  // null: the staging buffer
};

/// The incoming half of a link.
class Reader {
 public:
  explicit Reader(Messenger& messenger) : messenger_(messenger) {}

  /// Bytes that moved; 0 when it would block. A read that has begun goes on with
  /// the place that remains.
  size_t read(std::span<std::byte> bytes);

  void message_came(const Message& message, uint32_t slot);
  /// False: none was open.
  bool window_filled();

 private:
  struct Arrived {
    uint32_t slot;
    std::span<const std::byte> payload;
    uint64_t announced;
  };

  size_t read_message(std::span<std::byte> bytes);
  size_t read_window(std::span<std::byte> bytes);
  void open_window(std::span<std::byte> bytes);

  Messenger& messenger_;
  std::deque<Arrived> arrived_;
  uint64_t incoming_ = 0;  // announced and not yet here
  uint64_t window_ = 0;    // bytes of the one that is open
  bool filled_ = false;
  std::shared_ptr<Region> target_;  // null: the window is the staging buffer
  std::span<const std::byte> staged_;
};

}  // namespace mlx::core::distributed::rdma
