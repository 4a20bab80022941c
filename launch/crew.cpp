#include "mlx/launch/crew.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

namespace mlx::launch {
namespace {

using std::chrono::milliseconds;

// Processes that outlive their rank may finish what they say; silent ones wait in vain.
constexpr milliseconds kLinger{1'000};
// After SIGKILL only a process in the kernel's hands stays; it keeps nobody waiting.
constexpr milliseconds kUnkillable{10'000};

constexpr size_t kReadBytes = 256 << 10;

bool readable(const Descriptor& pipe) {
  pollfd state{pipe.fd(), POLLIN, 0};
  return poll(&state, 1, 0) > 0;
}

}  // namespace

Crew::Crew(Listener listener, pid_t watchdog, milliseconds grace)
    : listener_(std::move(listener)), watchdog_(watchdog), grace_(grace) {}

void Crew::add(int rank, Process process) {
  const auto number = static_cast<uint32_t>(rank);
  Rank& added = ranks_.emplace_back(Rank{rank, process.pid});
  added.streams[0] = {{number, 0}, std::move(process.output)};
  added.streams[1] = {{number, 1}, std::move(process.errors)};
  for (const Stream& stream : added.streams) set_nonblocking(stream.pipe);
}

void Crew::watch(Poller& poller, bool may_read) {
  if (!may_read) return;
  for (Rank& rank : ranks_) {
    for (Stream& stream : rank.streams) {
      if (!stream.pipe) continue;
      poller.watch(stream.pipe.fd(), POLLIN, [this, &stream] { read_some(stream); });
    }
  }
}

Clock::time_point Crew::deadline() const {
  return phase_ == Phase::running && ranks_ended() ? last_activity_ + kLinger : phase_ends_;
}

void Crew::look(bool may_read) {
  reap();
  const auto now = Clock::now();
  if (!may_read) last_activity_ = now;  // not their silence but our reader's
  if (phase_ == Phase::running && ranks_ended() && now >= last_activity_ + kLinger) {
    enter(Phase::stopping);  // what the ranks left behind
  }
  if (phase_ == Phase::stopping && now >= phase_ends_) enter(Phase::killing);
}

void Crew::stop() {
  told_ = true;
  if (phase_ == Phase::running) enter(Phase::stopping);
}

void Crew::kill() {
  told_ = true;
  if (phase_ != Phase::killing) enter(Phase::killing);
}

void Crew::mute() {
  for (Rank& rank : ranks_) {
    for (Stream& stream : rank.streams) stream.pipe.close();
  }
}

void Crew::read_some(Stream& stream) {
  static std::array<char, kReadBytes> buffer;  // one thread reads
  if (!stream.pipe) return;
  const ssize_t n = read(stream.pipe.fd(), buffer.data(), buffer.size());
  if (n > 0) {
    listener_.output(stream.header, {buffer.data(), static_cast<size_t>(n)});
    last_activity_ = Clock::now();
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    close(stream);
  }
}

void Crew::close(Stream& stream) {
  stream.pipe.close();
  listener_.output(stream.header, {});
}

void Crew::reap() {
  std::vector<Ended> ended;
  int status = 0;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    last_activity_ = Clock::now();
    const auto rank = std::find_if(ranks_.begin(), ranks_.end(),
                                   [&](const Rank& r) { return r.pid == pid && !r.ended; });
    if (rank == ranks_.end()) continue;  // an orphan
    rank->ended = true;
    ended.push_back({rank->number, status, told_});
  }
  // Of several that ended since we last looked: a killed rank makes others
  // fail, which end with an error of their own.
  std::stable_partition(ended.begin(), ended.end(),
                        [](const Ended& e) { return WIFSIGNALED(e.wait_status); });
  for (const Ended& end : ended) listener_.ended(end);
}

void Crew::enter(Phase phase) {
  phase_ = phase;
  const bool killing = phase == Phase::killing;
  phase_ends_ = Clock::now() + (killing ? kUnkillable : grace_);
  signal_all(killing ? SIGKILL : SIGTERM);
}

// Groups of ranks that have ended are reached by way of an orphan in them:
// then their number cannot have passed to somebody else.
void Crew::signal_all(int signal) const {
  std::set<pid_t> targets;  // a group is negative, as for kill()
  for (const Rank& rank : ranks_) {
    if (!rank.ended) targets.insert(-rank.pid);
  }
  for (const pid_t child : children()) {
    if (child == watchdog_) continue;
    const pid_t group = getpgid(child);
    const bool ours =
        std::any_of(ranks_.begin(), ranks_.end(), [&](const Rank& r) { return r.pid == group; });
    targets.insert(ours ? -group : child);
  }
  for (const pid_t target : targets) {
    ::kill(target, signal);
    if (signal == SIGTERM) ::kill(target, SIGCONT);  // a stopped process cannot end
  }
}

bool Crew::ranks_ended() const {
  return std::all_of(ranks_.begin(), ranks_.end(), [](const Rank& r) { return r.ended; });
}

bool Crew::descendants() const {
  const auto all = children();
  return std::any_of(all.begin(), all.end(), [&](pid_t pid) { return pid != watchdog_; });
}

// What is in the pipes has to be read first.
bool Crew::close_what_is_silent() {
  bool all = true;
  for (Rank& rank : ranks_) {
    for (Stream& stream : rank.streams) {
      if (stream.pipe && !readable(stream.pipe)) close(stream);
      all = all && !stream.pipe;
    }
  }
  return all;
}

bool Crew::gone() {
  if (!ranks_ended()) return false;
  if (descendants()) {
    if (phase_ != Phase::killing) return false;
    signal_all(SIGKILL);  // each that ends may leave us its children
    if (Clock::now() < phase_ends_) return false;
  }
  return close_what_is_silent();
}

}  // namespace mlx::launch
