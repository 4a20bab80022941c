#include "mlx/launch/config/traffic_wire.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include "mlx/distributed/bootstrap/errors.h"

namespace mlx::launch::config {
namespace {

using core::distributed::Clock;
using core::distributed::Identity;
using core::distributed::receive_some;
using core::distributed::send_some;
using core::distributed::wait_ready;

constexpr size_t kChunk = size_t{256} << 10;

}  // namespace

bool send_all(const Socket& socket, std::span<const std::byte> bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const auto sent = send_some(socket.fd(), bytes);
    if (!sent) return false;
    bytes = bytes.subspan(*sent);
    if (*sent == 0 && !wait_ready(socket.fd(), POLLOUT, deadline)) return false;
  }
  return true;
}

bool receive_all(const Socket& socket, std::span<std::byte> bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const auto got = receive_some(socket.fd(), bytes);
    if (!got) return false;
    bytes = bytes.subspan(*got);
    if (*got == 0 && !wait_ready(socket.fd(), POLLIN, deadline)) return false;
  }
  return true;
}

std::optional<int> shake_hands(const Socket& socket, Handshake::Role role, const Caller& self,
                               Deadline deadline) {
  Handshake handshake(
      role, *self.secret,
      Identity{.generation = 0, .rank = self.host, .purpose = Identity::Purpose::data, .group = 0});
  std::array<std::byte, 64> buffer;
  try {
    while (!handshake.done()) {
      const auto out = handshake.output();
      if (!send_all(socket, out, deadline)) return {};
      handshake.sent(out.size());
      const size_t wanted = std::min(handshake.wanted(), buffer.size());
      if (!receive_all(socket, std::span(buffer).first(wanted), deadline)) return {};
      handshake.input(std::span(buffer).first(wanted));
    }
  } catch (const core::distributed::AuthenticationError&) {
    return {};
  }
  return handshake.peer().rank;
}

void send_at_once(const Socket& socket) {
  const int on = 1;
  setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void pour(const Socket& socket, Milliseconds duration) {
  const std::vector<std::byte> data(kChunk);
  const Deadline end = core::distributed::after(duration);
  while (Clock::now() < end && send_all(socket, data, end)) {
  }
}

Received drink(const Socket& socket, Milliseconds duration, Deadline deadline) {
  std::vector<std::byte> data(kChunk);
  std::optional<Clock::time_point> first;
  Clock::time_point mark, last;
  uint64_t bytes = 0, before_mark = 0;
  Deadline end = deadline;
  while (wait_ready(socket.fd(), POLLIN, end)) {
    const auto got = receive_some(socket.fd(), data);
    if (!got) break;
    last = Clock::now();
    if (!first) {
      first = mark = last;
      end = std::min(deadline, last + duration);
    }
    bytes += *got;
    if (last - *first <= duration / 4) {
      mark = last;
      before_mark = bytes;
    }
    if (last >= end) break;
  }
  if (!first) return {};
  using std::chrono::nanoseconds;
  const auto time = std::chrono::duration_cast<nanoseconds>(last - mark).count();
  return {bytes - before_mark, static_cast<uint64_t>(time)};
}

}  // namespace mlx::launch::config
