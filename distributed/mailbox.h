#pragma once

// Messages between two ranks. Each has a header of its own, so a receive finds
// out what has come before it takes it: a message with another tag than asked
// for is put aside until somebody asks for it.

#include <list>
#include <map>
#include <span>
#include <vector>

#include "mlx/distributed/collective.h"
#include "mlx/distributed/transport.h"

namespace mlx::core::distributed {

class Mailbox {
 public:
  explicit Mailbox(Transport& transport);

  /// The header of the next message of that kind. `like` gives generation and group.
  Header header_for(const Transfer& transfer, Header like) const;

  /// Moves all of them at the same time; those with one peer in their order.
  /// Errors: those of Transport::wait; DesyncError.
  void run(std::span<const Transfer> transfers, const Header& like, Deadline deadline);

  /// Compares the headers of all of them, whose data moves elsewhere: in the order
  /// in which the peer has them, so none can be put aside.
  /// Errors: as run().
  void compare(std::span<const Transfer> transfers, const Header& like, Deadline deadline);

 private:
  using Key = std::pair<int, int>;  // peer and tag
  struct Letter {
    Header header;
    std::vector<std::byte> bytes;
  };
  struct Wanted {
    std::span<std::byte> out;
    Header expected;
  };
  /// What one peer is to send. First a header arrives, then its message.
  struct Arrivals {
    int peer = -1;
    std::list<Wanted> wanted = {};
    Header header = {};
    Transport::Ticket ticket = {};
    bool header_is_here = false;
  };

  std::list<Arrivals> expect(std::span<const Transfer> transfers, const Header& like);
  void receive(std::list<Arrivals> peers, Deadline deadline);
  void ask_for_header(Arrivals& from);
  bool take_message(Arrivals& from);
  bool take_aside(const Transfer& transfer, const Header& expected);
  std::span<std::byte> put_aside(int peer, const Header& header);
  void check(const Header& theirs, const Header& expected, int peer) const;

  Transport& transport_;
  std::map<Key, uint64_t> sent_;      // messages so far
  std::map<Key, uint64_t> received_;  // ... that were taken
  std::map<Key, std::list<Letter>> aside_;
};

}  // namespace mlx::core::distributed
