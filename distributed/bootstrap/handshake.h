#pragma once

// How two processes prove to each other that they belong to the same job.
//
// Each side says who it is and sends a fresh nonce; each answers with the HMAC,
// under the job's secret, of its role and of both greetings. The connector
// proves itself first, so a stranger learns nothing. Messages have a fixed
// size: no length from the wire is ever used.
//
//   connector -> acceptor   greeting  64 bytes
//   acceptor -> connector   greeting  64 bytes
//   connector -> acceptor   proof     32 bytes
//   acceptor -> connector   proof     32 bytes
//
// No input or output happens here: the owner moves the bytes.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "mlx/distributed/bootstrap/secret.h"
#include "mlx/distributed/bootstrap/socket.h"
#include "mlx/distributed/bootstrap/time_limit.h"

namespace mlx::core::distributed {

/// Who a process claims to be and what the connection is for.
struct Identity {
  enum class Purpose : uint32_t { rendezvous = 1, data = 2 };

  uint64_t generation = 0;
  int32_t rank = 0;  ///< -1: the launcher
  Purpose purpose = Purpose::rendezvous;
  uint32_t group = 0;  ///< for data: which group's ranks are to be joined
};

class Handshake {
 public:
  enum class Role : uint8_t { connector, acceptor };

  Handshake(Role role, const Secret& secret, const Identity& self);

  /// Bytes to send now; say how many went with sent().
  std::span<const std::byte> output() const;
  void sent(size_t bytes);

  /// How many bytes the other side's current message still lacks.
  size_t wanted() const { return finished_reading() ? 0 : expected() - received_; }
  /// Takes at most wanted() bytes.
  /// Errors: AuthenticationError.
  void input(std::span<const std::byte> bytes);

  bool done() const { return finished_reading() && output().empty(); }
  /// Who the other side is; proven once done().
  const Identity& peer() const { return peer_; }

 private:
  static constexpr size_t kGreeting = 64;
  using Greeting = std::array<std::byte, kGreeting>;

  size_t expected() const { return greeted_ ? sizeof(Digest) : kGreeting; }
  bool finished_reading() const { return proven_; }
  void read_greeting();
  void read_proof();
  Digest proof(Role role) const;
  void queue(std::span<const std::byte> bytes);

  Role role_;
  const Secret* secret_;
  Identity self_;
  Identity peer_;
  Greeting mine_{};
  Greeting theirs_{};
  Digest their_proof_{};
  size_t received_ = 0;
  bool greeted_ = false;
  bool proven_ = false;
  std::vector<std::byte> out_;
  size_t out_at_ = 0;
};

/// Connects and proves itself, again and again until the deadline or until `cancelled`.
/// Errors: TimeoutError when nobody answers, AuthenticationError when the last
///         who answered was not `expected_rank` of our job.
Socket connect_authenticated(const Endpoint& address, const Secret& secret, const Identity& self,
                             std::optional<int> expected_rank, Deadline deadline,
                             const std::atomic<bool>& cancelled);

}  // namespace mlx::core::distributed
