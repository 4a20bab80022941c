#pragma once

// What both ends of a test connection do: shake hands, move bytes, count them.

#include <cstddef>
#include <optional>
#include <span>

#include "mlx/distributed/bootstrap/handshake.h"
#include "mlx/launch/config/traffic.h"

namespace mlx::launch::config {

using core::distributed::Handshake;
using core::distributed::Socket;

/// What the client wants; in the byte order of the machine.
struct Order {
  enum class Kind : uint32_t { nothing, echo, take, give };
  Kind kind = Kind::nothing;
  uint32_t milliseconds = 0;  ///< how long data flows
};

/// What arrived, for whoever sent it.
struct Received {
  uint64_t bytes = 0;
  uint64_t nanoseconds = 0;
};

constexpr size_t kEchoBytes = 8;

/// All of it, or false: the other end has gone or the deadline has passed.
bool send_all(const Socket& socket, std::span<const std::byte> bytes, Deadline deadline);
bool receive_all(const Socket& socket, std::span<std::byte> bytes, Deadline deadline);

/// Small messages leave at once.
void send_at_once(const Socket& socket);

/// Who the other end has proven to be; empty: it knows no secret, or does not answer.
std::optional<int> shake_hands(const Socket& socket, Handshake::Role role, const Caller& self,
                               Deadline deadline);

/// Sends data for that long.
void pour(const Socket& socket, Milliseconds duration);
/// Counts what arrives in that time, from the first byte on. The first quarter
/// does not count: a connection starts slowly.
Received drink(const Socket& socket, Milliseconds duration, Deadline deadline);

}  // namespace mlx::launch::config
