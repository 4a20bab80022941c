#include "mlx/distributed/transports/rdma/card.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <tuple>

namespace mlx::core::distributed::rdma {
namespace {

// Ranks of a job run on machines of one byte order.
struct Fixed {
  uint32_t mark;
  uint32_t pair_number;
  uint32_t first_packet;
  uint32_t slots;
  uint32_t mtu;
  uint32_t most_bytes;
  uint16_t lid;
  uint16_t gids;
};
static_assert(std::has_unique_object_representations_v<Fixed>);
static_assert(std::has_unique_object_representations_v<Gid>);

constexpr uint32_t kMark = 0x316d6472;  // changes with the layout and the protocol

int common_prefix(const Gid& a, const Gid& b) {
  int bits = 0;
  for (size_t i = 0; i < a.bytes.size(); ++i) {
    const auto differ = static_cast<uint8_t>(a.bytes[i] ^ b.bytes[i]);
    if (differ != 0) return bits + std::countl_zero(differ);
    bits += 8;
  }
  return bits;
}

}  // namespace

std::string Card::encode() const {
  const Fixed fixed{kMark, pair_number, first_packet, slots,
                    mtu,   most_bytes,  lid,          static_cast<uint16_t>(gids.size())};
  std::string text(sizeof fixed + gids.size() * sizeof(Gid), '\0');
  std::memcpy(text.data(), &fixed, sizeof fixed);
  std::copy_n(reinterpret_cast<const char*>(gids.data()), gids.size() * sizeof(Gid),
              text.begin() + sizeof fixed);
  return text;
}

std::optional<Card> Card::decode(std::string_view text) {
  Fixed fixed;
  if (text.size() < sizeof fixed) return {};
  std::memcpy(&fixed, text.data(), sizeof fixed);
  text.remove_prefix(sizeof fixed);
  const bool sane = fixed.mark == kMark && text.size() == fixed.gids * sizeof(Gid) &&
                    fixed.mtu >= IBV_MTU_256 && fixed.mtu <= IBV_MTU_4096 &&
                    fixed.slots >= kFewestSlots && fixed.slots <= UINT16_MAX;
  if (!sane) return {};
  Card card{fixed.pair_number, fixed.first_packet, fixed.slots, fixed.mtu,
            fixed.most_bytes,  fixed.lid,          {}};
  card.gids.resize(fixed.gids);
  std::copy(text.begin(), text.end(), reinterpret_cast<char*>(card.gids.data()));
  return card;
}

std::optional<GidPair> choose_gids(const std::vector<Gid>& ours, const std::vector<Gid>& theirs) {
  std::optional<GidPair> best;
  // The last two make a tie end alike on both ends.
  const auto merit = [](const GidPair& p) {
    const int a = p.ours.index, b = p.theirs.index;
    return std::tuple(p.ours.kind, common_prefix(p.ours, p.theirs), -std::max(a, b),
                      -std::min(a, b));
  };
  for (const Gid& a : ours) {
    for (const Gid& b : theirs) {
      const GidPair pair{a, b};
      if (a.kind == b.kind && (!best || merit(pair) > merit(*best))) best = pair;
    }
  }
  return best;
}

}  // namespace mlx::core::distributed::rdma
