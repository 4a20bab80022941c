#pragma once

// Ranks of an exchange that run an algorithm among themselves: all of them, or
// some, which then have numbers of their own. So an algorithm over hosts is
// made of algorithms over the ranks of each and over one rank of each.

#include <algorithm>
#include <span>

#include "mlx/distributed/exchange.h"

namespace mlx::core::distributed {

class Team {
 public:
  using Message = Exchange::Message;

  explicit Team(Exchange& exchange)
      : exchange_(exchange), rank_(exchange.rank()), size_(exchange.size()) {}
  /// `ranks` stays alive; this rank is among them.
  Team(Exchange& exchange, std::span<const int> ranks)
      : exchange_(exchange),
        ranks_(ranks),
        rank_(static_cast<int>(std::find(ranks.begin(), ranks.end(), exchange.rank()) -
                               ranks.begin())),
        size_(static_cast<int>(ranks.size())) {}

  int rank() const { return rank_; }
  int size() const { return size_; }
  Exchange& exchange() const { return exchange_; }

  Message send(int peer, std::span<const std::byte> bytes) {
    return exchange_.send(real(peer), bytes);
  }
  Message recv(int peer, std::span<std::byte> bytes) { return exchange_.recv(real(peer), bytes); }
  void wait(const Message& message) { exchange_.wait(message); }
  void wait(std::span<const Message> messages) {
    for (const Message& message : messages) exchange_.wait(message);
  }
  /// As Exchange::scratch.
  std::span<std::byte> scratch(size_t bytes) { return exchange_.scratch(bytes); }

 private:
  int real(int peer) const { return ranks_.empty() ? peer : ranks_[static_cast<size_t>(peer)]; }

  Exchange& exchange_;
  std::span<const int> ranks_;
  int rank_;
  int size_;
};

}  // namespace mlx::core::distributed
