#include "mlx/distributed/bootstrap/doorkeeper.h"

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/bootstrap/log.h"

namespace mlx::core::distributed {
namespace {

// More wait in the kernel's backlog: a flood does not use up our descriptors.
constexpr size_t kMostVisitors = 256;

}  // namespace

Doorkeeper::Doorkeeper(Socket listener, const Secret& secret, const Identity& self,
                       Milliseconds limit)
    : listener_(std::move(listener)), secret_(&secret), self_(self), limit_(limit) {}

void Doorkeeper::watch(std::vector<pollfd>& polled) const {
  if (visitors_.size() < kMostVisitors) polled.push_back({listener_.fd(), POLLIN, 0});
  for (const Visitor& v : visitors_) {
    const bool sending = !v.handshake.output().empty();
    polled.push_back({v.socket.fd(), static_cast<short>(sending ? POLLOUT : POLLIN), 0});
  }
}

void Doorkeeper::accept_new() {
  while (visitors_.size() < kMostVisitors) {
    Socket socket = accept_one(listener_);
    if (!socket) return;
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
      log_warning(concat("Dropped a connection from ", peer_name(v.socket), ": ", error.what()));
    }
  }
  visitors_ = std::move(waiting);
  return guests;
}

}  // namespace mlx::core::distributed
