#include "mlx/core/event.h"

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "mlx/core/eval/scheduler.h"

namespace mlx::core {

struct Event::State {
  explicit State(Stream s) : stream(s) {}
  Stream stream;
  std::atomic<bool> signaled{false};
  std::atomic<uint64_t> value{0};
  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  std::unique_ptr<Error> error;
};

Event::Event(Stream stream) : state_(std::make_shared<State>(stream)) {}

void Event::wait_quietly() const {
  if (state_ == nullptr || state_->signaled.load(std::memory_order_acquire)) {
    return;
  }
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [&] { return state_->signaled.load(std::memory_order_acquire); });
}

void Event::wait() {
  wait_quietly();
  check_error();
}

void Event::wait(Stream stream) {
  Scheduler::get().worker(stream).enqueue([event = *this] { event.wait_quietly(); });
}

void Event::signal(Stream stream) {
  Scheduler::get().worker(stream).enqueue([event = *this]() mutable { event.signal(); });
}

void Event::signal() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->signaled.store(true, std::memory_order_release);
  }
  state_->changed.notify_all();
}

bool Event::is_signaled() const {
  return state_ == nullptr || state_->signaled.load(std::memory_order_acquire);
}

void Event::set_error(Error& err) {
  const std::lock_guard lock(state_->mutex);
  state_->error = std::make_unique<Error>(err);
}

Error* Event::load_error() const {
  if (state_ == nullptr) {
    return nullptr;
  }
  const std::lock_guard lock(state_->mutex);
  return state_->error.get();
}

void Event::check_error() {
  if (const Error* error = load_error()) {
    std::rethrow_exception(error->exception);
  }
}

uint64_t Event::value() const { return state_ == nullptr ? 0 : state_->value.load(); }
void Event::set_value(uint64_t v) { state_->value.store(v); }
const Stream& Event::stream() const { return state_->stream; }

}  // namespace mlx::core
