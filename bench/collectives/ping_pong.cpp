// A message over one TCP connection on loopback and back again, with send and recv
// and nothing else: no collective over TCP takes less than half of that.
//
//   build/bin/bench_ping_pong --max 64K [--poll]

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <system_error>

#include "forked_ranks.h"
#include "report.h"

namespace {

using namespace mlx::bench;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// One end of a connection.
class Connection {
 public:
  Connection(int descriptor, bool polls)
      : descriptor_(descriptor), flags_(polls ? MSG_DONTWAIT : 0) {
    const int yes = 1;
    setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  }
  ~Connection() { close(descriptor_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void send(std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
      bytes = bytes.subspan(
          moved(::send(descriptor_, bytes.data(), bytes.size(), flags_ | MSG_NOSIGNAL), "send"));
    }
  }
  // Whether there was one: else the other end has closed.
  bool recv(std::span<std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t got = ::recv(descriptor_, bytes.data(), bytes.size(), flags_);
      if (got == 0) return false;
      bytes = bytes.subspan(moved(got, "recv"));
    }
    return true;
  }

 private:
  static size_t moved(ssize_t result, const char* what) {
    if (result >= 0) return static_cast<size_t>(result);
    if (errno == EAGAIN) {
      sched_yield();  // both ends may be on one core
    } else if (errno != EINTR) {
      fail(what);
    }
    return 0;
  }

  const int descriptor_;
  const int flags_;
};

sockaddr_in loopback(in_port_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = port;
  return address;
}

// A listening socket, and the port that it got.
class Listener {
 public:
  Listener() : descriptor_(socket(AF_INET, SOCK_STREAM, 0)), address_(loopback(0)) {
    socklen_t length = sizeof(address_);
    if (descriptor_ < 0 || bind(descriptor_, general(), length) < 0 || listen(descriptor_, 1) < 0 ||
        getsockname(descriptor_, general(), &length) < 0) {
      fail("listen");
    }
  }
  int accept() const {
    const int peer = ::accept(descriptor_, nullptr, nullptr);
    if (peer < 0) fail("accept");
    return peer;
  }
  int connect() {
    const int peer = socket(AF_INET, SOCK_STREAM, 0);
    if (peer < 0 || ::connect(peer, general(), sizeof(address_)) < 0) fail("connect");
    return peer;
  }

 private:
  sockaddr* general() { return reinterpret_cast<sockaddr*>(&address_); }

  const int descriptor_;
  sockaddr_in address_;
};

// The near end, which measures. For each size it opens a connection and first
// sends the size; 0 tells the far end to end.
class PingPong final : public System {
 public:
  PingPong(Listener& listener, bool polls) : listener_(listener), polls_(polls) {}
  ~PingPong() override { open(0); }

  int rank() const override { return 0; }
  int ranks() const override { return 1; }
  void barrier() override {}
  void merge(std::span<double>, Merge) override {}

  std::optional<Call> prepare(const Case& c, std::span<const std::byte> in,
                              std::span<std::byte> out) override {
    if (c.op.operation != Operation::send) return {};
    open(in.size());
    return Call{[this, in, out] {
      connection_->send(in);
      connection_->recv(out);
    }};
  }

 private:
  void open(uint64_t bytes) {
    connection_.emplace(listener_.connect(), polls_);
    connection_->send(std::as_bytes(std::span(&bytes, 1)));
  }

  Listener& listener_;
  const bool polls_;
  std::optional<Connection> connection_;
};

// The far end: sends each message back when it has all of it.
int echo(Listener& listener, bool polls) {
  while (true) {
    const Connection connection(listener.accept(), polls);
    uint64_t bytes = 0;
    connection.recv(std::as_writable_bytes(std::span(&bytes, 1)));
    if (bytes == 0) return 0;
    std::vector<std::byte> message(bytes);
    while (connection.recv(message)) connection.send(message);
  }
}

int run(const std::vector<std::string>& arguments) {
  const auto request =
      parse_command_line({.name = "bench_ping_pong",
                          .purpose = "Measures a message there and back over one TCP connection.",
                          .polls = true},
                         arguments);
  if (const Answer* answer = std::get_if<Answer>(&request)) {
    std::fputs(answer->text.c_str(), answer->exit_code == 0 ? stdout : stderr);
    return answer->exit_code;
  }
  Options options = std::get<Options>(request);
  options.plan.ops = {*find_op("send_recv")};
  Listener listener;
  return run_as_ranks(2, [&](int rank) {
    if (rank == 1) return echo(listener, options.poll);
    PingPong system(listener, options.poll);
    return measure_and_report(system, options.poll ? "ping-pong, polling" : "ping-pong", options);
  });
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_ping_pong: %s\n", error.what());
    return 1;
  }
}
