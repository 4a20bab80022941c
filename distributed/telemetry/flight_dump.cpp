#include "mlx/distributed/telemetry/flight_dump.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <set>
#include <thread>

#include "mlx/distributed/distributed.h"
#include "mlx/distributed/telemetry/flight_recorder.h"

namespace mlx::core::distributed {
namespace {

struct Recorders {
  std::mutex mutex;
  std::set<const FlightRecorder*> live;  // by mutex
};

Recorders& recorders() {
  // Never destroyed: groups in static variables may outlive any other static.
  static auto* all = new Recorders;
  return *all;
}

std::atomic<int> wish{-1};  // an eventfd that the dumping thread reads
static_assert(std::atomic<int>::is_always_lock_free, "the signal handler reads it");

void on_signal(int) {
  const int saved = errno;
  request_flight_dump();
  errno = saved;
}

void handle_signal() {
  struct sigaction current {};
  const bool is_free = sigaction(SIGUSR1, nullptr, &current) == 0 &&
                       (current.sa_flags & SA_SIGINFO) == 0 && current.sa_handler == SIG_DFL;
  if (!is_free) return;
  struct sigaction ours {};
  ours.sa_handler = on_signal;
  ours.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &ours, nullptr);
}

void serve_wishes(int fd, const std::string& folder) {
  uint64_t count = 0;
  while (true) {
    const ssize_t n = read(fd, &count, sizeof count);
    if (n == sizeof count) {
      dump_flight_records(folder);
    } else if (errno != EINTR) {
      return;
    }
  }
}

}  // namespace

void list_recorder(const FlightRecorder* recorder) {
  const std::lock_guard lock(recorders().mutex);
  recorders().live.insert(recorder);
}

void unlist_recorder(const FlightRecorder* recorder) {
  const std::lock_guard lock(recorders().mutex);
  recorders().live.erase(recorder);
}

void dump_flight_records(const std::string& folder) {
  // Held all the time, so that no recorder goes meanwhile.
  const std::lock_guard lock(recorders().mutex);
  for (const FlightRecorder* recorder : recorders().live) recorder->dump(folder);
}

void start_flight_dumper(const std::string& folder) {
  static std::once_flag once;
  std::call_once(once, [&] {
    const int fd = eventfd(0, EFD_CLOEXEC);
    if (fd < 0) return;
    // It sleeps until the process ends, and what it uses is never destroyed.
    std::thread([fd, folder] { serve_wishes(fd, folder); }).detach();
    wish = fd;
    handle_signal();
  });
}

void request_flight_dump() {
  const int fd = wish.load(std::memory_order_relaxed);
  const uint64_t one = 1;
  if (fd >= 0) [[maybe_unused]]
    const ssize_t n = write(fd, &one, sizeof one);
}

}  // namespace mlx::core::distributed
