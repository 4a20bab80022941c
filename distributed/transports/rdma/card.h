#pragma once

// What the two ends of a queue pair must know of each other before they can
// speak: it goes through the rendezvous.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mlx/distributed/transports/rdma/device.h"

namespace mlx::core::distributed::rdma {

/// What the credits need, see rdma_link.cpp.
inline constexpr int kFewestSlots = 4;

struct Card {
  uint32_t pair_number = 0;
  uint32_t first_packet = 0;
  uint32_t slots = 0;       ///< receives that it keeps posted
  uint32_t mtu = 0;         ///< an ibv_mtu
  uint32_t most_bytes = 0;  ///< of one message
  uint16_t lid = 0;         ///< InfiniBand's local address
  std::vector<Gid> gids;

  std::string encode() const;
  /// Empty when it is not a card.
  static std::optional<Card> decode(std::string_view text);
};

/// Which of our addresses speaks to which of theirs: the same kind on both
/// ends, IPv4 before IPv6 before link-local, and among several the two with the
/// longest common prefix, which are in one subnet. Both ends choose alike.
/// Empty when no kind is common.
struct GidPair {
  Gid ours;
  Gid theirs;
};
std::optional<GidPair> choose_gids(const std::vector<Gid>& ours, const std::vector<Gid>& theirs);

}  // namespace mlx::core::distributed::rdma
