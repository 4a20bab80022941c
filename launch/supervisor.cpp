#include "mlx/launch/supervisor.h"

#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

#include "mlx/core/base/error.h"

namespace mlx::launch {
namespace {

using core::concat;
using std::chrono::milliseconds;

// Processes that outlive their rank may finish what they say; silent ones wait in vain.
constexpr milliseconds kLinger{1'000};
// After SIGKILL only a process in the kernel's hands stays; it keeps nobody waiting.
constexpr milliseconds kUnkillable{10'000};
// The terminal may come back to us at any time, without a signal.
constexpr milliseconds kLongestNap{1'000};

constexpr size_t kReadBytes = 256 << 10;

bool readable(const Descriptor& pipe) {
  pollfd state{pipe.fd(), POLLIN, 0};
  return poll(&state, 1, 0) > 0;
}

}  // namespace

Supervisor::Supervisor(const Options& options, int signals, pid_t watchdog)
    : options_(options), signals_(signals), watchdog_(watchdog), input_(STDIN_FILENO) {
  ranks_.reserve(static_cast<size_t>(options.ranks));  // streams are referred to by address
}

LineBuffer Supervisor::make_lines(size_t rank, int target) const {
  using Mode = LineBuffer::Mode;
  if (options_.tag_output) return LineBuffer(Mode::lines, concat("[", rank, "]: "));
  if (options_.ranks == 1) return LineBuffer(Mode::raw);
  return LineBuffer(rank == 0 && isatty(target) ? Mode::live : Mode::lines);
}

void Supervisor::add(Process process) {
  const size_t number = ranks_.size();
  Rank& rank = ranks_.emplace_back(Rank{
      .end = {.rank = static_cast<int>(number), .pid = process.pid},
      .output = {std::move(process.output), make_lines(number, STDOUT_FILENO), STDOUT_FILENO},
      .errors = {std::move(process.errors), make_lines(number, STDERR_FILENO), STDERR_FILENO}});
  set_nonblocking(rank.output.pipe);
  set_nonblocking(rank.errors.pipe);
  input_.add(std::move(process.input));
}

void Supervisor::give_up(const std::string& reason, int exit_code) { stop(reason, exit_code); }

void Supervisor::note(const std::string& line) {
  if (options_.verbose) display_.say("mlx-launch: " + line + "\n");
}

int Supervisor::run() {
  while (!over()) {
    watch_everything();
    poller_.wait(next_deadline());
    reap();
    act_on_time();
  }
  if (impatient_) display_.writer().abandon();
  display_.say(epilogue());
  return exit_code_;
}

void Supervisor::watch_everything() {
  poller_.watch(signals_, POLLIN, [this] { on_signal(); });
  poller_.watch(display_.writer().progress_fd(), POLLIN, [this] { display_.writer().clear(); });
  if (!display_.writer().full()) {
    for (Rank& rank : ranks_) {
      for (Stream* stream : {&rank.output, &rank.errors}) {
        if (!stream->pipe) continue;
        poller_.watch(stream->pipe.fd(), POLLIN,
                      [this, &rank, stream] { read_some(rank, *stream); });
      }
    }
  }
  input_.watch(poller_);
}

Clock::time_point Supervisor::next_deadline() const {
  Clock::time_point next = std::min(Clock::now() + kLongestNap, phase_ends_);
  if (phase_ == Phase::running && options_.timeout) {
    next = std::min(next, started_ + *options_.timeout);
  }
  if (ranks_ended()) next = std::min(next, std::max(last_activity_ + kLinger, Clock::now()));
  return next;
}

void Supervisor::act_on_time() {
  const auto now = Clock::now();
  if (display_.writer().full()) last_activity_ = now;  // not their silence but our reader's
  if (display_.writer().failed())
    stop("Standard output or error cannot be written.", 128 + SIGPIPE);
  if (phase_ == Phase::running && options_.timeout && now >= started_ + *options_.timeout) {
    stop(concat("The time limit of ", std::chrono::duration<double>(*options_.timeout).count(),
                " s is over."),
         124);
  }
  if (phase_ == Phase::running && ranks_ended() && now >= last_activity_ + kLinger) {
    enter(Phase::stopping);  // what the ranks left behind
  }
  if (phase_ == Phase::stopping && now >= phase_ends_) enter(Phase::killing);
}

void Supervisor::on_signal() {
  signalfd_siginfo info;
  if (read(signals_, &info, sizeof info) != sizeof info || info.ssi_signo == SIGCHLD) return;
  const int signal = static_cast<int>(info.ssi_signo);
  if (signal == SIGINT && phase_ != Phase::running) {
    impatient_ = true;
    enter(Phase::killing);
  }
  stop(concat("Stopped by SIG", sigabbrev_np(signal), "."), 128 + signal);
}

void Supervisor::read_some(Rank& rank, Stream& stream) {
  static std::array<char, kReadBytes> buffer;  // one thread reads
  const ssize_t n = read(stream.pipe.fd(), buffer.data(), buffer.size());
  if (n > 0) {
    const std::string_view bytes(buffer.data(), static_cast<size_t>(n));
    if (&stream == &rank.errors) rank.last_errors.take(bytes);
    display_.show(stream.target, stream.lines, stream.lines.take(bytes));
    last_activity_ = Clock::now();
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    close(stream);
  }
}

void Supervisor::close(Stream& stream) {
  if (!stream.pipe) return;
  stream.pipe.close();
  display_.show(stream.target, stream.lines, stream.lines.finish());
}

void Supervisor::reap() {
  std::vector<Rank*> failed;
  int status = 0;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    last_activity_ = Clock::now();
    const auto rank = std::find_if(ranks_.begin(), ranks_.end(),
                                   [&](const Rank& r) { return r.end.pid == pid && !r.ended; });
    if (rank == ranks_.end()) continue;  // an orphan
    rank->ended = true;
    rank->end.wait_status = status;
    note(concat("Rank ", rank->end.rank, " (process ", pid, ") ", describe_end(status), "."));
    if (status != 0) failed.push_back(&*rank);
  }
  if (phase_ != Phase::running || failed.empty()) return;
  // Of several that ended since we last looked: a killed rank makes others
  // fail, which end with an error of their own.
  const auto killed = std::find_if(failed.begin(), failed.end(),
                                   [](const Rank* r) { return WIFSIGNALED(r->end.wait_status); });
  fail(killed == failed.end() ? *failed.front() : **killed);
}

void Supervisor::fail(const Rank& first) {
  failed_ = static_cast<size_t>(first.end.rank);
  stop({}, exit_code_of(first.end.wait_status));
}

void Supervisor::stop(std::string reason, int exit_code) {
  if (stopping_) return;  // the first cause counts
  stopping_ = true;
  reason_ = std::move(reason);
  exit_code_ = exit_code;
  for (Rank& rank : ranks_) rank.stopped = !rank.ended;
  if (phase_ == Phase::running) enter(Phase::stopping);
}

void Supervisor::enter(Phase phase) {
  phase_ = phase;
  const bool killing = phase == Phase::killing;
  phase_ends_ = Clock::now() + (killing ? kUnkillable : options_.grace);
  input_.close();
  signal_all(killing ? SIGKILL : SIGTERM);
}

// Groups of ranks that have ended are reached by way of an orphan in them:
// then their number cannot have passed to somebody else.
void Supervisor::signal_all(int signal) const {
  std::set<pid_t> targets;  // a group is negative, as for kill()
  for (const Rank& rank : ranks_) {
    if (!rank.ended) targets.insert(-rank.end.pid);
  }
  for (const pid_t child : children()) {
    if (child == watchdog_) continue;
    const pid_t group = getpgid(child);
    const bool ours = std::any_of(ranks_.begin(), ranks_.end(),
                                  [&](const Rank& r) { return r.end.pid == group; });
    targets.insert(ours ? -group : child);
  }
  for (const pid_t target : targets) {
    kill(target, signal);
    if (signal == SIGTERM) kill(target, SIGCONT);  // a stopped process cannot end
  }
}

bool Supervisor::ranks_ended() const {
  return std::all_of(ranks_.begin(), ranks_.end(), [](const Rank& r) { return r.ended; });
}

bool Supervisor::descendants() const {
  const auto all = children();
  return std::any_of(all.begin(), all.end(), [&](pid_t pid) { return pid != watchdog_; });
}

void Supervisor::drain() {
  for (Rank& rank : ranks_) {
    for (Stream* stream : {&rank.output, &rank.errors}) {
      while (stream->pipe && readable(stream->pipe)) read_some(rank, *stream);
      close(*stream);
    }
  }
}

bool Supervisor::over() {
  if (!ranks_ended()) return false;
  if (descendants()) {
    if (phase_ != Phase::killing) return false;
    signal_all(SIGKILL);  // each that ends may leave us its children
    if (Clock::now() < phase_ends_) return false;
  }
  drain();
  return display_.writer().idle() || impatient_ || display_.writer().failed();
}

std::string Supervisor::epilogue() const {
  std::vector<int> stopped;
  for (const Rank& rank : ranks_) {
    if (rank.stopped) stopped.push_back(rank.end.rank);
  }
  if (failed_) return describe_failure(ranks_[*failed_].end, ranks_[*failed_].last_errors, stopped);
  if (reason_.empty()) return {};
  std::string out = concat("mlx-launch: ", reason_, "\n");
  if (!stopped.empty()) out += concat("mlx-launch: Stopped ", name_ranks(stopped), ".\n");
  return out;
}

}  // namespace mlx::launch
