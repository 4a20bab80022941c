#pragma once

// Tickets that say which transfer they are of: the direction, the peer, and how
// many were started that way to (or from) that peer before.

#include "mlx/distributed/transport.h"

namespace mlx::core::distributed {

constexpr unsigned kTicketPeerShift = 40;
constexpr unsigned kTicketSendBit = 63;

inline Transport::Ticket make_ticket(bool send, int peer, uint64_t number) {
  return Transport::Ticket{(uint64_t{send} << kTicketSendBit) |
                           (static_cast<uint64_t>(peer) << kTicketPeerShift) | number};
}

inline bool is_send(Transport::Ticket ticket) {
  return static_cast<uint64_t>(ticket) >> kTicketSendBit;
}

inline int peer_of(Transport::Ticket ticket) {
  constexpr uint64_t kDirection = uint64_t{1} << kTicketSendBit;
  return static_cast<int>((static_cast<uint64_t>(ticket) & ~kDirection) >> kTicketPeerShift);
}

inline uint64_t number_of(Transport::Ticket ticket) {
  return static_cast<uint64_t>(ticket) & ((uint64_t{1} << kTicketPeerShift) - 1);
}

}  // namespace mlx::core::distributed
