#include "mlx/launch/writer.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string_view>
#include <thread>

#include "mlx/launch/descriptor.h"

namespace mlx::launch {
namespace {

constexpr size_t kEnough = size_t{4} << 20;

// 0, or errno.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n >= 0) {
      text.remove_prefix(static_cast<size_t>(n));
    } else if (errno == EAGAIN) {
      // Somebody else made the terminal or pipe that we share non-blocking.
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

struct Writer::State {
  struct Piece {
    int fd;
    std::string text;
  };

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Piece> queue;  // by mutex
  bool closing = false;     // by mutex
  std::atomic<size_t> waiting{0};
  std::optional<Failure> failure;  // the first; by mutex
  std::atomic<bool> abandoned{false};
  Descriptor progress{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::thread thread;

  void run() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return closing || !queue.empty(); });
      if (queue.empty() || abandoned) return;
      const Piece piece = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      const int error = write_all(piece.fd, piece.text);
      waiting -= piece.text.size();
      lock.lock();
      if (error != 0 && !failure) failure = {piece.fd, error};
      eventfd_write(progress.fd(), 1);
    }
  }
};

Writer::Writer() : state_(std::make_shared<State>()) {
  state_->thread = std::thread([state = state_] { state->run(); });
}

Writer::~Writer() {
  {
    std::lock_guard lock(state_->mutex);
    state_->closing = true;
  }
  state_->changed.notify_one();
  if (state_->abandoned) {
    state_->thread.detach();  // it may stand still in write(); the state is its own
  } else {
    state_->thread.join();
  }
}

void Writer::put(int fd, std::string text) {
  if (text.empty()) return;
  state_->waiting += text.size();
  {
    std::lock_guard lock(state_->mutex);
    state_->queue.push_back({fd, std::move(text)});
  }
  state_->changed.notify_one();
}

bool Writer::full() const { return state_->waiting > kEnough; }
bool Writer::idle() const { return state_->waiting == 0; }

std::optional<Writer::Failure> Writer::failure() const {
  std::lock_guard lock(state_->mutex);
  return state_->failure;
}

int Writer::progress_fd() const { return state_->progress.fd(); }

void Writer::clear() {
  eventfd_t ignored;
  eventfd_read(state_->progress.fd(), &ignored);
}

void Writer::abandon() { state_->abandoned = true; }

}  // namespace mlx::launch
