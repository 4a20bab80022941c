#include "mlx/distributed/bootstrap/doorkeeper.h"

#include <algorithm>
#include <cerrno>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"

namespace mlx::core::distributed {
namespace {

// A flood does not use up our descriptors, and cannot keep us accepting for ever.
constexpr size_t kMostVisitors = 256;
constexpr Milliseconds kRest{100};

}  // namespace

Doorkeeper::Doorkeeper(std::vector<Socket> listeners, const Secret& secret, const Identity& self,
                       Milliseconds limit)
    : listeners_(std::move(listeners)), secret_(&secret), self_(self), limit_(limit) {}

void Doorkeeper::watch(std::vector<pollfd>& polled) const {
  if (Clock::now() >= resting_until_) {
    for (const Socket& listener : listeners_) polled.push_back({listener.fd(), POLLIN, 0});
  }
  for (const Visitor& v : visitors_) {
    const bool sending = !v.handshake.output().empty();
    polled.push_back({v.socket.fd(), static_cast<short>(sending ? POLLOUT : POLLIN), 0});
  }
}

Deadline Doorkeeper::wake_by() const {
  const auto now = Clock::now();
  Deadline first = now + limit_;
  if (now < resting_until_) first = std::min(first, resting_until_);
  if (!visitors_.empty()) first = std::min(first, visitors_.front().deadline);
  return first;
}

void Doorkeeper::drop(const Visitor& visitor, const char* why) {
  warnings_.add(concat("Dropped a connection from ", peer_name(visitor.socket), ": ", why));
}

// False when there is nobody who could go.
bool Doorkeeper::make_room() {
  if (visitors_.empty()) return false;
  drop(visitors_.front(), "it did not finish the handshake before many others came");
  visitors_.erase(visitors_.begin());
  return true;
}

void Doorkeeper::accept_new() {
  for (const Socket& listener : listeners_) {
    if (Clock::now() >= resting_until_) accept_from(listener);
  }
}

void Doorkeeper::accept_from(const Socket& listener) {
  for (size_t i = 0; i < kMostVisitors; ++i) {
    // Without descriptors accepting fails though nobody waits.
    if (!wait_ready(listener.fd(), POLLIN, Deadline{})) return;
    Socket socket = accept_one(listener);
    if (!socket && out_of_descriptors(errno)) {
      if (make_room()) continue;
      warnings_.add("Nobody can connect: the process is out of file descriptors");
      // The listener stays readable: looking at it again at once would spin.
      resting_until_ = after(kRest);
      return;
    }
    if (!socket) return;
    if (visitors_.size() == kMostVisitors) make_room();
    visitors_.push_back(
        {std::move(socket), Handshake(Handshake::Role::acceptor, *secret_, self_), after(limit_)});
  }
}

// Whether it moved; throws AuthenticationError when the visitor must go.
bool Doorkeeper::advance(Visitor& v) {
  std::byte buffer[64];
  const bool sending = !v.handshake.output().empty();
  const auto moved = sending ? send_some(v.socket.fd(), v.handshake.output())
                             : receive_some(v.socket.fd(), {buffer, v.handshake.wanted()});
  if (!moved) throw AuthenticationError("it hung up during the handshake");
  if (*moved == 0) {
    if (Clock::now() > v.deadline) throw AuthenticationError("it did not finish the handshake");
    return false;
  }
  if (sending) {
    v.handshake.sent(*moved);
  } else {
    v.handshake.input({buffer, *moved});
  }
  return true;
}

std::vector<Doorkeeper::Guest> Doorkeeper::serve() {
  accept_new();
  std::vector<Guest> guests;
  std::vector<Visitor> waiting;
  for (Visitor& v : visitors_) {
    try {
      while (!v.handshake.done() && advance(v)) {
      }
      if (v.handshake.done()) {
        guests.push_back({std::move(v.socket), v.handshake.peer()});
      } else {
        waiting.push_back(std::move(v));
      }
    } catch (const AuthenticationError& error) {
      drop(v, error.what());
    }
  }
  visitors_ = std::move(waiting);
  return guests;
}

}  // namespace mlx::core::distributed
