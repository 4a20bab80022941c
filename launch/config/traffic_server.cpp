#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/launch/config/traffic_wire.h"

namespace mlx::launch::config {
namespace {

using core::distributed::after;

constexpr Milliseconds kConnectionLimit{20'000};  // one connection, whatever it wants
constexpr size_t kMostConnections = 256;

void send_back(const Socket& socket, Deadline deadline) {
  std::byte message[kEchoBytes];
  while (receive_all(socket, message, deadline) && send_all(socket, message, deadline)) {
  }
}

void take(const Socket& socket, Milliseconds duration, Deadline deadline) {
  const Received received = drink(socket, duration, deadline);
  if (!send_all(socket, std::as_bytes(std::span(&received, 1)), deadline)) return;
  // To close now, with data unread, would take the answer back.
  std::vector<std::byte> rest(size_t{64} << 10);
  while (receive_all(socket, rest, deadline)) {
  }
}

void serve(const Socket& socket, const Caller& self) {
  const Deadline deadline = after(kConnectionLimit);
  if (!shake_hands(socket, Handshake::Role::acceptor, self, deadline)) return;
  Order order;
  if (!receive_all(socket, std::as_writable_bytes(std::span(&order, 1)), deadline)) return;
  const Milliseconds duration = std::min(Milliseconds(order.milliseconds), kLongestFlow);
  if (order.kind == Order::Kind::echo) send_back(socket, deadline);
  if (order.kind == Order::Kind::take) take(socket, duration, deadline);
  if (order.kind == Order::Kind::give) pour(socket, duration);
}

}  // namespace

struct TrafficServer::State {
  struct Connection {
    Socket socket;
    std::atomic<bool> done = false;
    std::thread thread;
  };

  Secret secret;
  int host;
  Socket bell;  // wakes the thread that accepts
  std::mutex mutex;
  std::vector<Socket> listeners;
  bool stopping = false;
  std::list<Connection> connections;  // of the thread that accepts
  std::thread thread;

  void accept_all();
  bool wait_for_callers(std::vector<pollfd>& ready);
  void start(Socket socket);
  void forget_finished();
  void ring() const { eventfd_write(bell.fd(), 1); }
};

// False when it is time to stop.
bool TrafficServer::State::wait_for_callers(std::vector<pollfd>& ready) {
  ready = {{bell.fd(), POLLIN, 0}};
  {
    const std::lock_guard lock(mutex);
    if (stopping) return false;
    for (const Socket& listener : listeners) ready.push_back({listener.fd(), POLLIN, 0});
  }
  // Too many at once wait in the queues of the system.
  const bool full = connections.size() >= kMostConnections;
  poll(ready.data(), full ? 1 : ready.size(), full ? 10 : -1);
  eventfd_t rings;
  if (ready[0].revents) eventfd_read(bell.fd(), &rings);
  return true;
}

void TrafficServer::State::accept_all() {
  std::vector<pollfd> ready;
  while (wait_for_callers(ready)) {
    forget_finished();
    for (size_t i = 1; i < ready.size(); ++i) {
      if (!ready[i].revents) continue;
      Socket socket(accept4(ready[i].fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (socket) start(std::move(socket));
    }
  }
  for (Connection& c : connections) {
    shutdown(c.socket.fd(), SHUT_RDWR);
    c.thread.join();
  }
}

void TrafficServer::State::start(Socket socket) {
  send_at_once(socket);
  Connection& c = connections.emplace_back();
  c.socket = std::move(socket);
  c.thread = std::thread([this, &c] {
    serve(c.socket, {&secret, host});
    shutdown(c.socket.fd(), SHUT_RDWR);
    c.done = true;
  });
}

void TrafficServer::State::forget_finished() {
  std::erase_if(connections, [](Connection& c) {
    if (!c.done) return false;
    c.thread.join();
    return true;
  });
}

TrafficServer::TrafficServer(Secret secret, int host) : state_(std::make_unique<State>()) {
  state_->secret = std::move(secret);
  state_->host = host;
  state_->bell = Socket(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  state_->thread = std::thread([state = state_.get()] { state->accept_all(); });
}

TrafficServer::~TrafficServer() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->ring();
  state_->thread.join();
}

uint16_t TrafficServer::listen(uint16_t port, std::string& reason) {
  for (const char* all : {"::", "0.0.0.0"}) {  // the first takes both kinds, if there is IPv6
    try {
      Socket listener = core::distributed::listen_on({all, port});
      const uint16_t made = core::distributed::local_endpoint(listener).port;
      {
        const std::lock_guard lock(state_->mutex);
        state_->listeners.push_back(std::move(listener));
      }
      state_->ring();
      return made;
    } catch (const core::distributed::DistributedError& error) {
      reason = error.what();
    }
  }
  return 0;
}

}  // namespace mlx::launch::config
