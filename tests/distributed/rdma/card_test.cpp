// What two ends know of each other: the card, and which addresses speak.

#include "mlx/distributed/transports/rdma/card.h"

#include <gtest/gtest.h>

namespace mlx::core::distributed::rdma {
namespace {

Gid ipv4(uint8_t index, uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, Gid::Kind::ipv4, index};
}
Gid link_local(uint8_t index, uint8_t last) {
  Gid gid{{0xfe, 0x80}, Gid::Kind::link_local, index};
  gid.bytes[15] = last;
  return gid;
}

TEST(RdmaGids, PreferARoutedAddressToALinkLocalOne) {
  const std::vector<Gid> ours{link_local(0, 1), ipv4(1, 10, 0, 0, 1)};
  const std::vector<Gid> theirs{link_local(0, 2), ipv4(3, 10, 0, 0, 2)};
  const auto pair = choose_gids(ours, theirs);
  ASSERT_TRUE(pair);
  EXPECT_EQ(pair->ours.index, 1);
  EXPECT_EQ(pair->theirs.index, 3);
}

TEST(RdmaGids, TakeTheTwoThatShareASubnet) {
  const std::vector<Gid> ours{ipv4(1, 192, 168, 7, 1), ipv4(2, 10, 0, 5, 1)};
  const std::vector<Gid> theirs{ipv4(1, 10, 0, 5, 2), ipv4(2, 172, 16, 0, 2)};
  const auto pair = choose_gids(ours, theirs);
  ASSERT_TRUE(pair);
  EXPECT_EQ(pair->ours.index, 2);
  EXPECT_EQ(pair->theirs.index, 1);
}

TEST(RdmaGids, BothEndsChooseAlike) {
  // Equally good in two ways.
  const std::vector<Gid> ours{ipv4(4, 10, 0, 0, 1), ipv4(2, 10, 0, 0, 1)};
  const std::vector<Gid> theirs{ipv4(1, 10, 0, 0, 2), ipv4(3, 10, 0, 0, 2)};
  const auto here = choose_gids(ours, theirs), there = choose_gids(theirs, ours);
  ASSERT_TRUE(here && there);
  EXPECT_EQ(here->ours.index, there->theirs.index);
  EXPECT_EQ(here->theirs.index, there->ours.index);
}

TEST(RdmaGids, OfDifferentKindsCannotSpeak) {
  EXPECT_FALSE(choose_gids({ipv4(0, 10, 0, 0, 1)}, {link_local(0, 1)}));
  EXPECT_FALSE(choose_gids({}, {link_local(0, 1)}));
}

TEST(RdmaCard, ComesBackAsItWas) {
  const Card card{1234, 0xabcdef, 16, IBV_MTU_4096, 1u << 30, 7, {ipv4(1, 10, 0, 0, 1)}};
  const auto back = Card::decode(card.encode());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->encode(), card.encode());
  EXPECT_EQ(back->pair_number, 1234u);
  EXPECT_EQ(back->gids.at(0).bytes[12], 10);
}

TEST(RdmaCard, RefusesWhatIsNone) {
  const Card card{1, 2, 16, IBV_MTU_1024, 1u << 30, 0, {ipv4(1, 10, 0, 0, 1)}};
  const std::string text = card.encode();
  for (size_t bytes = 0; bytes < text.size(); ++bytes) {
    EXPECT_FALSE(Card::decode(text.substr(0, bytes))) << bytes << " bytes";
  }
  EXPECT_FALSE(Card::decode(text + "x"));
  EXPECT_FALSE(Card::decode(std::string(text.size(), 'x')));
  const Card few_slots{1, 2, 3, IBV_MTU_1024, 1u << 30, 0, {}};
  EXPECT_FALSE(Card::decode(few_slots.encode()));
}

}  // namespace
}  // namespace mlx::core::distributed::rdma
