#include "mlx/distributed/bootstrap/socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"

namespace mlx::core::distributed {
namespace {

constexpr int kBacklog = 1024;

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

AddressList resolve(const Endpoint& address, int flags, std::string& reason) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (error != 0) reason = gai_strerror(error);
  return {found, freeaddrinfo};
}

void set_option(int fd, int level, int name) {
  const int on = 1;
  setsockopt(fd, level, name, &on, sizeof on);
}

Socket new_socket(const addrinfo& a) {
  return Socket(socket(a.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, a.ai_protocol));
}

Endpoint endpoint_of(const sockaddr_storage& storage, socklen_t length) {
  char host[NI_MAXHOST] = "?";
  char port[NI_MAXSERV] = "0";
  getnameinfo(reinterpret_cast<const sockaddr*>(&storage), length, host, sizeof host, port,
              sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
  return {host, static_cast<uint16_t>(std::atoi(port))};
}

// A non-blocking connect that ends well, or a reason why not.
bool finish_connect(const Socket& s, const addrinfo& a, Deadline deadline, std::string& reason) {
  if (connect(s.fd(), a.ai_addr, a.ai_addrlen) == 0) return true;
  if (errno != EINPROGRESS) {
    reason = std::strerror(errno);
    return false;
  }
  if (!wait_ready(s.fd(), POLLOUT, deadline)) {
    reason = "no answer";
    return false;
  }
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(s.fd(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) reason = std::strerror(error);
  return error == 0;
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = other.release();
  }
  return *this;
}

Socket::~Socket() { close(); }

int Socket::release() { return std::exchange(fd_, -1); }

void Socket::close() {
  if (fd_ >= 0) ::close(release());
}

Socket listen_on(const Endpoint& address) {
  std::string reason;
  const AddressList list = resolve(address, AI_PASSIVE, reason);
  for (const addrinfo* a = list.get(); a; a = a->ai_next) {
    Socket s = new_socket(*a);
    if (!s) {
      reason = std::strerror(errno);
      continue;
    }
    set_option(s.fd(), SOL_SOCKET, SO_REUSEADDR);
    if (bind(s.fd(), a->ai_addr, a->ai_addrlen) == 0 && listen(s.fd(), kBacklog) == 0) return s;
    reason = std::strerror(errno);
  }
  throw DistributedError(concat("[init] Cannot listen on ", to_string(address), ": ", reason, "."));
}

bool out_of_descriptors(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

Socket try_connect(const Endpoint& address, Deadline deadline, std::string& reason) {
  const AddressList list = resolve(address, 0, reason);
  int left = 0;
  for (const addrinfo* a = list.get(); a; a = a->ai_next) ++left;
  for (const addrinfo* a = list.get(); a; a = a->ai_next, --left) {
    Socket s = new_socket(*a);
    if (!s) {
      reason = std::strerror(errno);
      if (!out_of_descriptors(errno)) continue;
      throw DistributedError(
          concat("[init] Cannot connect to ", to_string(address), ": ", reason, "."));
    }
    // An address that does not answer leaves time for those after it.
    const auto now = Clock::now();
    const Deadline share = now + (std::max(deadline, now) - now) / left;
    if (finish_connect(s, *a, share, reason)) {
      set_option(s.fd(), IPPROTO_TCP, TCP_NODELAY);
      return s;
    }
  }
  return {};
}

Socket accept_one(const Socket& listener) {
  Socket s(accept4(listener.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (s) set_option(s.fd(), IPPROTO_TCP, TCP_NODELAY);
  return s;
}

Endpoint local_endpoint(const Socket& socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&storage), &length);
  return endpoint_of(storage, length);
}

namespace {

std::optional<Endpoint> peer_endpoint(const Socket& socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (getpeername(socket.fd(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return endpoint_of(storage, length);
}

std::optional<size_t> sent(ssize_t n) {
  if (n >= 0) return static_cast<size_t>(n);
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return 0;
  return std::nullopt;
}

iovec vector_of(std::span<const std::byte> bytes) {
  return {const_cast<std::byte*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string peer_name(const Socket& socket) {
  const auto peer = peer_endpoint(socket);
  return peer ? to_string(*peer) : "?";
}

void do_not_pace_within_host(const Socket& socket) {
  const auto peer = peer_endpoint(socket);
  const std::string here = local_endpoint(socket).host;
  if (!peer || (peer->host != here && !here.starts_with("127."))) return;
  // Every kernel has it and lets everybody choose it.
  constexpr std::string_view kName = "reno";
  setsockopt(socket.fd(), IPPROTO_TCP, TCP_CONGESTION, kName.data(), kName.size());
}

std::optional<size_t> send_some(int fd, std::span<const std::byte> bytes) {
  return sent(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

std::optional<size_t> send_some(int fd, std::span<const std::byte> first,
                                std::span<const std::byte> second) {
  if (first.empty()) return send_some(fd, second);
  if (second.empty()) return send_some(fd, first);
  iovec vectors[] = {vector_of(first), vector_of(second)};
  msghdr message{};
  message.msg_iov = vectors;
  message.msg_iovlen = 2;
  return sent(sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

std::optional<size_t> receive_some(int fd, std::span<std::byte> bytes) {
  const ssize_t n = recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (n > 0) return static_cast<size_t>(n);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return 0;
  return std::nullopt;
}

bool wait_ready(int fd, short events, Deadline deadline) {
  while (true) {
    pollfd p{fd, events, 0};
    const int timeout = poll_timeout(deadline);
    const int n = poll(&p, 1, timeout);
    if (n > 0) return true;
    if (timeout == 0 && n == 0) return false;
  }
}

}  // namespace mlx::core::distributed
