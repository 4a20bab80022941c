#pragma once

// TCP sockets: owned, non-blocking, closed on exec, without Nagle's delay and
// without SIGPIPE.

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "mlx/distributed/bootstrap/endpoint.h"
#include "mlx/distributed/bootstrap/time_limit.h"

namespace mlx::core::distributed {

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(other.release()) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  explicit operator bool() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  int release();
  void close();

 private:
  int fd_ = -1;
};

/// Errors: DistributedError naming the address and the reason.
Socket listen_on(const Endpoint& address);

/// One attempt to connect, to each address of the name in turn. Empty when
/// refused, unreachable or past the deadline; `reason` then says why.
/// Errors: DistributedError when the process is out of file descriptors.
Socket try_connect(const Endpoint& address, Deadline deadline, std::string& reason);

/// Whether the error number says that trying again soon is of no use.
bool out_of_descriptors(int error);

/// The next connection of a listening socket, or empty with errno.
Socket accept_one(const Socket& listener);

/// The address at this end.
Endpoint local_endpoint(const Socket& socket);
std::string peer_name(const Socket& socket);

/// Gives a connection between two processes of this host a congestion control that
/// does not pace. Some hosts pace all connections (BBR), which halves the rate here
/// and is good for nothing: there is no network on the way.
void do_not_pace_within_host(const Socket& socket);

/// Bytes moved now: 0 when it would block, empty when the other end is gone.
std::optional<size_t> send_some(int fd, std::span<const std::byte> bytes);
/// One after the other, in one packet where they fit.
std::optional<size_t> send_some(int fd, std::span<const std::byte> first,
                                std::span<const std::byte> second);
std::optional<size_t> receive_some(int fd, std::span<std::byte> bytes);

/// Waits for readiness (POLLIN, POLLOUT); false past the deadline.
bool wait_ready(int fd, short events, Deadline deadline);

}  // namespace mlx::core::distributed
