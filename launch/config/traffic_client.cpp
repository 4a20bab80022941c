#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/launch/config/traffic_wire.h"

namespace mlx::launch::config {
namespace {

using core::distributed::after;
using core::distributed::Clock;
using core::distributed::wait_ready;

constexpr Milliseconds kConnectLimit{3'000};
constexpr Milliseconds kBeyondFlow{5'000};  // for the answer
constexpr Milliseconds kEchoLimit{300};
constexpr int kEchoes = 200, kWarmUp = 10;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress to_address(const std::string& ip, uint16_t port) {
  SocketAddress out;
  auto* four = reinterpret_cast<sockaddr_in*>(&out.storage);
  auto* six = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (inet_pton(AF_INET, ip.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    out.length = sizeof *four;
  } else if (inet_pton(AF_INET6, ip.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    out.length = sizeof *six;
  }
  return out;
}

Reach reason_of(int error) {
  const Outcome outcome = error == ECONNREFUSED || error == ECONNRESET ? Outcome::refused
                          : error == ETIMEDOUT                         ? Outcome::timeout
                                                                       : Outcome::unreachable;
  return {outcome, std::strerror(error)};
}

Reach connect_by(const Socket& s, const SocketAddress& to, Deadline deadline) {
  if (connect(s.fd(), to.get(), to.length) == 0) return {};
  if (errno != EINPROGRESS) return reason_of(errno);
  if (!wait_ready(s.fd(), POLLOUT, deadline)) return {Outcome::timeout, "no answer"};
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(s.fd(), SOL_SOCKET, SO_ERROR, &error, &length);
  return error == 0 ? Reach{} : reason_of(error);
}

// A connection whose other end has proven to be the target.
Socket call(const Caller& caller, const Target& target, Deadline deadline, Reach& reach) {
  const SocketAddress to = to_address(target.address, target.port);
  Socket s(socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!s) {
    reach = reason_of(errno);
    return {};
  }
  send_at_once(s);
  const SocketAddress from = to_address(target.from, 0);
  if (from.length != 0 && bind(s.fd(), from.get(), from.length) != 0) {
    reach = reason_of(errno);
    return {};
  }
  reach = connect_by(s, to, deadline);
  if (reach.outcome != Outcome::ok) return {};
  const auto peer = shake_hands(s, Handshake::Role::connector, caller, deadline);
  if (peer == target.host) return s;
  reach = {Outcome::stranger, peer ? "another host of ours answers there"
                                   : "something takes the connection, but it is not our program"};
  return {};
}

bool give_order(const Socket& socket, Order::Kind kind, Milliseconds duration, Deadline deadline) {
  const Order order{kind, static_cast<uint32_t>(duration.count())};
  return send_all(socket, std::as_bytes(std::span(&order, 1)), deadline);
}

// Median of the round trips; 0 when there were none.
double median_round_trip(const Socket& socket, Deadline deadline) {
  if (!give_order(socket, Order::Kind::echo, kEchoLimit, deadline)) return 0;
  std::byte message[kEchoBytes] = {};
  std::vector<double> times;
  const Deadline enough = after(kEchoLimit);
  for (int i = 0; i < kEchoes && (times.empty() || Clock::now() < enough); ++i) {
    const auto start = Clock::now();
    if (!send_all(socket, message, deadline) || !receive_all(socket, message, deadline)) return 0;
    times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  if (times.size() > 2 * kWarmUp) times.erase(times.begin(), times.begin() + kWarmUp);
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

double rate(const Received& r) {
  return r.nanoseconds == 0
             ? 0
             : static_cast<double>(r.bytes) * 8e9 / static_cast<double>(r.nanoseconds);
}

double send_rate(const Socket& socket, Milliseconds duration, Deadline deadline) {
  if (!give_order(socket, Order::Kind::take, duration, deadline)) return 0;
  pour(socket, duration + duration / 4);
  Received received;
  const bool told = receive_all(socket, std::as_writable_bytes(std::span(&received, 1)), deadline);
  return told ? rate(received) : 0;
}

double receive_rate(const Socket& socket, Milliseconds duration, Deadline deadline) {
  if (!give_order(socket, Order::Kind::give, duration + duration / 4, deadline)) return 0;
  return rate(drink(socket, duration, deadline));
}

}  // namespace

const char* outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok:
      return "ok";
    case Outcome::refused:
      return "refused";
    case Outcome::timeout:
      return "timeout";
    case Outcome::unreachable:
      return "unreachable";
    case Outcome::stranger:
      return "stranger";
  }
  return "?";
}

Reach reach(const Caller& caller, const Target& target, Deadline deadline) {
  Reach result;
  call(caller, target, deadline, result);
  return result;
}

Measurement measure(const Caller& caller, const Target& target, Milliseconds duration) {
  Measurement out;
  if (const Socket s = call(caller, target, after(kConnectLimit), out.reach)) {
    out.round_trip = median_round_trip(s, after(kBeyondFlow));
  }
  if (out.reach.outcome != Outcome::ok) return out;
  if (const Socket s = call(caller, target, after(kConnectLimit), out.reach)) {
    out.forth = send_rate(s, duration, after(duration + kBeyondFlow));
  }
  if (out.reach.outcome != Outcome::ok) return out;
  if (const Socket s = call(caller, target, after(kConnectLimit), out.reach)) {
    out.back = receive_rate(s, duration, after(duration + kBeyondFlow));
  }
  if (out.reach.outcome == Outcome::ok &&
      (out.round_trip == 0 || out.forth == 0 || out.back == 0)) {
    out.reach = {Outcome::timeout, "it is connected, but no data flows"};
  }
  return out;
}

}  // namespace mlx::launch::config
