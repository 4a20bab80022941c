#pragma once

// The messages of one collective. Puts the header in front of the first message
// to each peer, and compares the first one from each peer with our own: a peer
// that is elsewhere is found out before a byte of its data is used.

#include <memory>
#include <vector>

#include "mlx/distributed/collective.h"
#include "mlx/distributed/transport.h"

namespace mlx::core::distributed {

class Exchange {
 public:
  /// A message under way.
  struct Message {
    Transport::Ticket ticket;
    int peer;
    bool sent;  ///< else received
  };

  explicit Exchange(Transport& transport);

  int rank() const { return rank_; }
  int size() const { return static_cast<int>(peers_.size()); }

  /// From now on messages belong to the collective of that header.
  void begin(const Header& header, Deadline deadline);

  Message send(int peer, std::span<const std::byte> bytes);
  Message recv(int peer, std::span<std::byte> bytes);
  /// Errors: those of Transport::wait; DesyncError.
  void wait(const Message& message);

  /// Memory for intermediate results, aligned for any dtype, kept from call to
  /// call. One at a time.
  std::span<std::byte> scratch(size_t bytes);

  /// The peer that wait() was about when it threw; -1 before.
  int waiting_for() const { return waiting_for_; }

 private:
  struct Peer {
    uint64_t sent = 0;      // the collective in which we last sent it a header
    uint64_t received = 0;  // ... and last asked it for one
    bool unchecked = false;
    Transport::Ticket header_ticket{};
    Header theirs{};
  };
  struct Free {
    void operator()(void* p) const;
  };

  void check(Peer& peer, int number);

  Transport& transport_;
  const int rank_;
  std::vector<Peer> peers_;
  Header header_{};
  uint64_t collective_ = 0;
  Deadline deadline_{};
  int waiting_for_ = -1;
  std::unique_ptr<std::byte[], Free> scratch_;
  size_t scratch_bytes_ = 0;
};

}  // namespace mlx::core::distributed
