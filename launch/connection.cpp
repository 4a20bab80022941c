#include "mlx/launch/connection.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "mlx/core/base/error.h"

namespace mlx::launch {
namespace {

using core::concat;
using std::chrono::milliseconds;

// A process whose output has ended tells why in a moment.
constexpr milliseconds kLastWords{1'000};
// An agent with nothing left to do ends at once, behind ssh after some round trips.
constexpr milliseconds kFarewell{3'000};
constexpr size_t kMostErrors = size_t{64} << 10;
constexpr size_t kShownWords = 5;

}  // namespace

Connection::Connection(std::string host, Way way, const Program& program,
                       const EnvironmentMap& environment)
    : Connection(std::move(host), way, start_process(program, environment, "")) {}

Connection::Connection(std::string host, Way way, Process process)
    : host_(std::move(host)),
      way_(way),
      pid_(process.pid),
      process_(static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0))),
      errors_(std::move(process.errors)),
      channel_(std::move(process.output), std::move(process.input),
               FrameReader::Begin::after_magic) {
  set_nonblocking(errors_);
}

Connection::~Connection() {
  close();
  if (!wait_status_ && !wait_until(Clock::now() + kFarewell)) {
    kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

void Connection::watch(Poller& poller, const Channel::Handler& handler) {
  if (loss_) return;
  channel_.watch(poller, [this, handler](const Frame& frame) { on_frame(frame, handler); });
  if (errors_) poller.watch(errors_.fd(), POLLIN, [this] { read_errors(); });
  if (closed_) poller.watch(process_.fd(), POLLIN, [] {});
}

void Connection::on_frame(const Frame& frame, const Channel::Handler& handler) {
  if (frame.type != FrameType::hello) {
    if (!hello_) throw ProtocolError("its agent does not begin with hello");
    return handler(frame);
  }
  hello_ = to_hello(frame.payload);
  if (hello_->protocol != kProtocol) {
    throw ProtocolError(concat("its mlx-launch is of another version: got ", hello_->version,
                               " with protocol ", hello_->protocol, ", expected protocol ",
                               kProtocol, " as of ours (", MLX_VERSION, ")"));
  }
}

void Connection::read_errors() {
  char buffer[16384];
  const ssize_t n = read(errors_.fd(), buffer, sizeof buffer);
  if (n > 0) said_.append(buffer, static_cast<size_t>(n));
  if (said_.size() > kMostErrors) said_.erase(0, said_.size() - kMostErrors / 2);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) errors_.close();
}

void Connection::look() {
  if (loss_ || !channel_.ended()) return;
  if (!channel_.error().empty()) return give_up(channel_.error());
  if (!closed_) closed_ = Clock::now();
  channel_.close_output();
  if (!wait_until(Clock::now()) && Clock::now() < *closed_ + kLastWords) return;
  for (pollfd more{errors_.fd(), POLLIN, 0}; errors_ && poll(&more, 1, 0) > 0;) read_errors();
  give_up(explain({host_, way_, answered(), wait_status_, said_}));
}

void Connection::give_up(const std::string& reason) {
  if (loss_) return;
  loss_ = Loss{reason, last_words(said_, kShownWords, "  | ")};
  channel_.close_output();
  if (!wait_status_) kill(-pid_, SIGKILL);
}

void Connection::close() {
  channel_.close_output();
  if (!hello_ && !wait_status_) kill(-pid_, SIGKILL);  // who knows what it waits for
}

// Whether the process has ended by then.
bool Connection::wait_until(Clock::time_point deadline) {
  if (wait_status_) return true;
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
  pollfd end{process_.fd(), POLLIN, 0};
  poll(&end, 1, static_cast<int>(std::max<decltype(left)>(left, 0)));
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
  wait_status_ = status;
  return true;
}

}  // namespace mlx::launch
