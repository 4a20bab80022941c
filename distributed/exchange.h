#pragma once

// The messages of one collective. Puts the header in front of the first message
// to each peer, and compares the first one from each peer with our own: a peer
// that is elsewhere is found out before a byte of its data is used.

#include <memory>
#include <vector>

#include "mlx/distributed/collective.h"
#include "mlx/distributed/hosts.h"
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
  const Hosts& hosts() const { return hosts_; }

  /// From now on messages belong to the collective of that header. The pairs of
  /// an uneven all_to_all agree on the bytes that go from one to the other: they
  /// are given for each rank.
  void begin(const Header& header, Deadline deadline, std::span<const size_t> to_each = {},
             std::span<const size_t> from_each = {});

  /// Compares headers around the ring: for a collective whose data moves elsewhere.
  /// Errors: as wait().
  void compare_with_neighbours();

  Message send(int peer, std::span<const std::byte> bytes);
  Message recv(int peer, std::span<std::byte> bytes);
  /// Errors: those of Transport::wait; DesyncError.
  void wait(const Message& message);

  /// Memory for intermediate results, aligned for any dtype, kept from call to
  /// call. One at a time of each number; 1 is for algorithms made of others,
  /// which use 0.
  std::span<std::byte> scratch(size_t bytes, size_t number = 0);

 private:
  struct Peer {
    uint64_t sent = 0;      // the collective in which we last sent it a header
    uint64_t received = 0;  // ... and last asked it for one
    bool unchecked = false;
    Transport::Ticket header_ticket{};
    Header ours{};
    Header theirs{};
  };
  struct Free {
    void operator()(void* p) const;
  };
  struct Memory {
    std::unique_ptr<std::byte[], Free> bytes;
    size_t size = 0;
  };

  void check(Peer& peer, int number);
  Header header_with(std::span<const size_t> parts, int peer) const;

  Transport& transport_;
  const int rank_;
  const Hosts hosts_;
  std::vector<Peer> peers_;
  Header header_{};
  std::span<const size_t> to_each_;
  std::span<const size_t> from_each_;
  uint64_t collective_ = 0;
  Deadline deadline_{};
  Memory scratch_[2];
};

}  // namespace mlx::core::distributed
