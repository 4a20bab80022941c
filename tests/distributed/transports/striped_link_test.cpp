// Links over sockets, alone and several as one: the bytes come out in order,
// whatever the sizes and however unequal the connections are.

#include "mlx/distributed/transports/striped_link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

#include "distributed/transports/noise.h"
#include "mlx/distributed/transports/socket_link.h"

namespace mlx::core::distributed {
namespace {

using testing::noise;

constexpr size_t kPiece = kStripePiece;
constexpr size_t kMany = 11 * kPiece + 4097;

// Two ends, joined by so many connections.
struct StripedEnds {
  explicit StripedEnds(size_t connections) {
    std::array<std::vector<std::unique_ptr<Link>>, 2> links;
    for (size_t i = 0; i < connections; ++i) {
      int pair[2];
      EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
      for (const size_t end : {0, 1}) {
        descriptors[end].push_back(pair[end]);
        links[end].push_back(make_socket_link(Socket(pair[end]), std::make_shared<Pulse>()));
      }
    }
    a = make_striped_link(std::move(links[0]));
    b = make_striped_link(std::move(links[1]));
  }

  // The connection holds little and is cut, both ways.
  void cut(size_t connection) { shutdown(descriptors[0][connection], SHUT_RDWR); }
  void narrow(size_t connection) {
    const int little = 2048;
    setsockopt(descriptors[0][connection], SOL_SOCKET, SO_SNDBUF, &little, sizeof little);
  }
  // What one end has sent over a connection and the other has not read.
  size_t waiting(size_t connection) const {
    std::vector<std::byte> buffer(1 << 20);
    const auto n = ::recv(descriptors[1][connection], buffer.data(), buffer.size(), MSG_PEEK);
    return n > 0 ? static_cast<size_t>(n) : 0;
  }

  std::array<std::vector<int>, 2> descriptors;
  std::unique_ptr<Link> a, b;
};

// As LinkTransport moves messages: one at a time each way, what is left again.
struct Messages {
  Messages(std::span<std::byte> data, const std::vector<size_t>& sizes) {
    for (size_t at = 0, i = 0; at < data.size(); ++i) {
      const size_t n = std::min(sizes[i % sizes.size()], data.size() - at);
      left.push_back(data.subspan(at, n));
      at += n;
    }
  }
  bool done() const { return at == left.size(); }
  // Whether something moved; empty: the peer is gone.
  template <typename Move>
  std::optional<bool> advance(Move move) {
    if (done()) return false;
    const auto n = move(left[at]);
    if (!n) return std::nullopt;
    left[at] = left[at].subspan(*n);
    if (left[at].empty()) ++at;
    return *n > 0;
  }
  std::vector<std::span<std::byte>> left;
  size_t at = 0;
};

// Sends a stream cut in one way, and receives it cut in another.
void expect_arrives(StripedEnds& ends, size_t bytes, const std::vector<size_t>& sent_in,
                    const std::vector<size_t>& received_in) {
  auto data = noise(bytes);
  std::vector<std::byte> out(bytes);
  Messages sends(data, sent_in), recvs(out, received_in);
  for (int idle = 0; !recvs.done(); ++idle) {
    ASSERT_LT(idle, 1000) << "nothing moves after message " << recvs.at;
    const auto sent = sends.advance([&](auto part) { return ends.a->write(part); });
    ASSERT_TRUE(sent && ends.a->flush());
    const auto received = recvs.advance([&](auto part) { return ends.b->read(part); });
    ASSERT_TRUE(received);
    if (*sent || *received) idle = 0;
  }
  EXPECT_TRUE(data == out);
}

class StripedLink : public ::testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(Connections, StripedLink, ::testing::Values(1, 2, 3, 5));

TEST_P(StripedLink, DeliversInOrderWhateverTheSizes) {
  const std::vector<std::vector<size_t>> cuts = {
      {kMany},      {40, 3, 20000},     {40, kPiece - 40},           {1, kPiece, 2 * kPiece + 1},
      {40, 300000}, {4095, 4096, 4097}, {kPiece - 1, kPiece + 1, 7}, {5 * kPiece}};
  for (const auto& sent_in : cuts) {
    for (const auto& received_in : cuts) {
      StripedEnds ends(GetParam());
      expect_arrives(ends, kMany, sent_in, received_in);
    }
  }
}

TEST_P(StripedLink, CarriesOneStreamAfterAnotherEachWay) {
  StripedEnds ends(GetParam());
  for (const size_t bytes : {1ul, kPiece - 1, 1ul, 2 * kPiece, 3 * kPiece + 5, kMany}) {
    expect_arrives(ends, bytes, {bytes}, {bytes});
    std::swap(ends.a, ends.b);
    expect_arrives(ends, bytes, {bytes}, {bytes});
  }
}

TEST_P(StripedLink, DeliversInOrderWithASlowConnection) {
  for (size_t slow = 0; slow < GetParam(); ++slow) {
    StripedEnds ends(GetParam());
    ends.narrow(slow);
    expect_arrives(ends, kMany, {kMany}, {kMany});
  }
}

TEST_P(StripedLink, HasLostItsPeerWhenOneConnectionIsCut) {
  for (size_t lost = 0; lost < GetParam(); ++lost) {
    StripedEnds ends(GetParam());
    auto data = noise(kMany);
    ends.cut(lost);
    EXPECT_FALSE(ends.a->write(data));
    EXPECT_FALSE(ends.b->read(data));
  }
}

TEST(StripedLink, SharesWhatIsLargeAndSendsWhatIsSmallOverOne) {
  StripedEnds ends(2);
  const auto header = noise(40), small = noise(8192);
  EXPECT_EQ(ends.a->write(header), header.size());
  EXPECT_EQ(ends.a->write(small), small.size());
  EXPECT_EQ(ends.a->flush(), true);
  EXPECT_EQ(ends.waiting(0), header.size() + small.size());
  EXPECT_EQ(ends.waiting(1), 0u);
  const auto large = noise(2 * kPiece);
  EXPECT_GT(ends.a->write(large), 0u);
  EXPECT_GT(ends.waiting(1), 0u);
}

TEST(StripedLink, WritesAheadOfAConnectionThatIsFull) {
  StripedEnds ends(2);
  ends.narrow(0);
  const auto data = noise(2 * kPiece);
  const auto moved = ends.a->write(data);
  ASSERT_TRUE(moved);
  EXPECT_LT(*moved, kPiece);
  EXPECT_EQ(ends.waiting(1), kPiece);
}

// Else a sleeper would wake at once, again and again.
TEST(StripedLink, PollsOnlyWhatItWaitsFor) {
  StripedEnds ends(2);
  // Both pieces are asked for; the first one has come.
  std::vector<std::byte> out(2 * kPiece);
  const auto data = noise(kPiece);
  ASSERT_EQ(ends.a->write(data), kPiece);
  ASSERT_EQ(ends.b->read(out), kPiece);
  std::vector<pollfd> polled;
  ASSERT_TRUE(ends.b->arm(true, false, polled));
  ASSERT_EQ(polled.size(), 1u);
  EXPECT_EQ(polled[0].fd, ends.descriptors[1][1]);
  EXPECT_EQ(poll(polled.data(), 1, 0), 0);
  EXPECT_EQ(ends.a->write(data), kPiece);
  EXPECT_EQ(poll(polled.data(), 1, 0), 1);
  ends.b->woken(polled);
  EXPECT_EQ(ends.b->read(std::span(out).subspan(kPiece)), kPiece);
}

TEST(SocketLink, SendsAHeaderAndItsMessageAtOnce) {
  // Datagrams: what is sent at once arrives at once.
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
  const Socket other(pair[1]);
  const auto link = make_socket_link(Socket(pair[0]), std::make_shared<Pulse>());
  for (const size_t bytes : {100, 16384}) {
    const auto header = noise(40), message = noise(bytes);
    EXPECT_EQ(link->write(header), header.size());
    EXPECT_EQ(link->write(message), message.size());
    EXPECT_EQ(link->flush(), true);
    std::vector<std::byte> got(2 * bytes);
    got.resize(static_cast<size_t>(::recv(other.fd(), got.data(), got.size(), 0)));
    auto expected = header;
    expected.insert(expected.end(), message.begin(), message.end());
    EXPECT_TRUE(got == expected) << got.size();
  }
}

}  // namespace
}  // namespace mlx::core::distributed
