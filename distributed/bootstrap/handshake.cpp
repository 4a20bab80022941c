#include "mlx/distributed/bootstrap/handshake.h"

#include <poll.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <thread>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"

namespace mlx::core::distributed {
namespace {

static_assert(std::endian::native == std::endian::little, "the wire format is little-endian");

constexpr uint32_t kMagic = 0x43584C4D;  // "MLXC"
constexpr uint32_t kVersion = 1;

// The greeting as it travels: identity and nonce.
struct GreetingLayout {
  uint32_t magic;
  uint32_t version;
  uint64_t generation;
  int32_t rank;
  uint32_t purpose;
  uint32_t group;
  uint32_t reserved;
  std::byte nonce[32];
};
static_assert(sizeof(GreetingLayout) == 64);

}  // namespace

Handshake::Handshake(Role role, const Secret& secret, const Identity& self)
    : role_(role), secret_(&secret), self_(self) {
  GreetingLayout g{
      kMagic, kVersion, self.generation, self.rank, static_cast<uint32_t>(self.purpose), self.group,
      0,      {}};
  fill_random(g.nonce);
  std::memcpy(mine_.data(), &g, sizeof g);
  if (role == Role::connector) queue(mine_);
}

void Handshake::queue(std::span<const std::byte> bytes) {
  out_.insert(out_.end(), bytes.begin(), bytes.end());
}

std::span<const std::byte> Handshake::output() const { return std::span(out_).subspan(out_at_); }

void Handshake::sent(size_t bytes) { out_at_ += bytes; }

void Handshake::input(std::span<const std::byte> bytes) {
  std::byte* into = greeted_ ? their_proof_.data() : theirs_.data();
  std::copy(bytes.begin(), bytes.end(), into + received_);
  received_ += bytes.size();
  if (received_ < expected()) return;
  received_ = 0;
  if (greeted_) {
    read_proof();
  } else {
    read_greeting();
  }
}

void Handshake::read_greeting() {
  GreetingLayout g;
  std::memcpy(&g, theirs_.data(), sizeof g);
  if (g.magic != kMagic || g.version != kVersion) {
    throw AuthenticationError("it does not speak our protocol");
  }
  if (g.generation != self_.generation || g.purpose != static_cast<uint32_t>(self_.purpose)) {
    throw AuthenticationError(concat("it is of generation ", g.generation, ", we are of ",
                                     self_.generation, ", or it wants another service"));
  }
  peer_ = {g.generation, g.rank, self_.purpose, g.group};
  greeted_ = true;
  if (role_ == Role::acceptor) {
    queue(mine_);
  } else {
    queue(proof(Role::connector));
  }
}

void Handshake::read_proof() {
  const Role other = role_ == Role::connector ? Role::acceptor : Role::connector;
  if (!equal(their_proof_, proof(other))) {
    throw AuthenticationError("it does not know the job's secret");
  }
  proven_ = true;
  if (role_ == Role::acceptor) queue(proof(Role::acceptor));
}

Digest Handshake::proof(Role role) const {
  const std::byte label{static_cast<uint8_t>(role)};
  const bool connector = role_ == Role::connector;
  return hmac(*secret_,
              {std::span(&label, 1), connector ? mine_ : theirs_, connector ? theirs_ : mine_});
}

namespace {

// Runs the connector's side. Throws AuthenticationError when turned away.
void prove(const Socket& socket, Handshake& handshake, Deadline deadline,
           const std::atomic<bool>& cancelled) {
  constexpr Milliseconds kSlice{50};
  constexpr const char* kTurnedAway = "it closed the connection: another secret, generation or job";
  while (!handshake.done()) {
    const bool sending = !handshake.output().empty();
    while (!wait_ready(socket.fd(), sending ? POLLOUT : POLLIN, after(kSlice))) {
      if (cancelled || Clock::now() > deadline) {
        throw AuthenticationError("it did not finish the handshake");
      }
    }
    std::byte buffer[64];
    const auto moved = sending ? send_some(socket.fd(), handshake.output())
                               : receive_some(socket.fd(), {buffer, handshake.wanted()});
    if (!moved) throw AuthenticationError(kTurnedAway);
    if (sending) {
      handshake.sent(*moved);
    } else {
      handshake.input({buffer, *moved});
    }
  }
}

}  // namespace

Socket connect_authenticated(const Endpoint& address, const Secret& secret, const Identity& self,
                             std::optional<int> expected_rank, Deadline deadline,
                             const std::atomic<bool>& cancelled) {
  constexpr Milliseconds kHandshakeLimit{5000};
  constexpr Milliseconds kAttempt{1000};
  std::string reason = "no attempt was made";
  bool turned_away = false;
  for (Milliseconds pause{5};; pause = std::min(pause * 2, Milliseconds{200})) {
    Socket socket = try_connect(address, std::min(deadline, after(kAttempt)), reason);
    if (socket) {
      try {
        Handshake handshake(Handshake::Role::connector, secret, self);
        prove(socket, handshake, std::min(deadline, after(kHandshakeLimit)), cancelled);
        if (!expected_rank || handshake.peer().rank == *expected_rank) return socket;
        reason = concat("it is rank ", handshake.peer().rank, ", expected ", *expected_rank);
      } catch (const AuthenticationError& error) {
        reason = error.what();
      }
    }
    turned_away = static_cast<bool>(socket);
    if (cancelled || Clock::now() + pause >= deadline) break;
    std::this_thread::sleep_for(pause);
  }
  const std::string where = to_string(address);
  if (turned_away) {
    throw AuthenticationError(
        concat("[init] Who listens at ", where, " is not of our job: ", reason, "."));
  }
  throw TimeoutError(concat("[init] Nobody answers at ", where, ": ", reason, "."));
}

}  // namespace mlx::core::distributed
