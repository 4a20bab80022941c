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

 private:
  using Key = std::pair<int, int>;  // peer and tag
  struct Letter {
    Header header;
    std::vector<std::byte> bytes;
  };

  void receive(const Transfer& transfer, const Header& expected, Deadline deadline);
  bool take_aside(const Transfer& transfer, const Header& expected);
  void put_aside(int peer, const Header& header, Deadline deadline);
  void check(const Header& theirs, const Header& expected, int peer) const;

  Transport& transport_;
  std::map<Key, uint64_t> sent_;      // messages so far
  std::map<Key, uint64_t> received_;  // ... that were taken
  std::map<Key, std::list<Letter>> aside_;
};

}  // namespace mlx::core::distributed
