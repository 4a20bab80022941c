#include "mlx/core/eval/scheduler.h"

#include <utility>

#include "mlx/core/base/error.h"

namespace mlx::core {

StreamWorker::StreamWorker(Stream s, StreamKind k)
    : stream(s), kind(k), owner(std::this_thread::get_id()) {}

StreamWorker::~StreamWorker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void StreamWorker::enqueue(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
    if (!thread_.joinable()) {
      thread_ = std::thread([this] { loop(); });
    }
  }
  changed_.notify_all();
}

bool StreamWorker::claim_if_idle() {
  const std::lock_guard lock(mutex_);
  if (busy_ || !queue_.empty()) {
    return false;
  }
  busy_ = true;
  return true;
}

void StreamWorker::run_claimed(const std::function<void()>& work) {
  work();
  bool waiting;
  {
    const std::lock_guard lock(mutex_);
    busy_ = false;
    waiting = thread_.joinable();
  }
  if (waiting) {
    changed_.notify_all();
  }
}

void StreamWorker::synchronize() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queue_.empty() && !busy_; });
  if (error_) {
    std::rethrow_exception(std::exchange(error_, nullptr));
  }
}

bool StreamWorker::idle() const {
  const std::lock_guard lock(mutex_);
  return queue_.empty() && !busy_;
}

void StreamWorker::record_error(std::exception_ptr error) {
  const std::lock_guard lock(mutex_);
  if (!error_) {
    error_ = std::move(error);
  }
}

void StreamWorker::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return !busy_ && (!queue_.empty() || stopping_); });
    if (queue_.empty()) {
      return;
    }
    std::function<void()> work = std::move(queue_.front());
    queue_.pop_front();
    busy_ = true;
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

Scheduler& Scheduler::get() {
  // Never destroyed: arrays in static variables may outlive any other static.
  static auto* scheduler = new Scheduler;
  return *scheduler;
}

Stream Scheduler::add_stream(Device device, StreamKind kind) {
  const std::lock_guard lock(mutex_);
  const Stream stream(static_cast<int>(workers_.size()), device);
  workers_.push_back(std::make_unique<StreamWorker>(stream, kind));
  return stream;
}

StreamWorker& Scheduler::worker(const Stream& stream) {
  const std::lock_guard lock(mutex_);
  const auto index = static_cast<size_t>(stream.index);
  require(stream.index >= 0 && index < workers_.size() && workers_[index] != nullptr,
          "[stream] Stream ", stream.index, " does not exist.");
  return *workers_[index];
}

void Scheduler::check_usable(const Stream& stream, std::string_view op) {
  const StreamWorker& found = worker(stream);
  if (found.kind == StreamKind::thread_owned && found.owner != std::this_thread::get_id()) {
    throw std::runtime_error(concat("[", op, "] Stream ", stream.index,
                                    " belongs to another thread. Streams from new_stream work in "
                                    "the thread that made them; new_thread_unsafe_stream makes one "
                                    "for all threads."));
  }
}

std::vector<Stream> Scheduler::streams() {
  const std::lock_guard lock(mutex_);
  std::vector<Stream> all;
  for (const auto& worker : workers_) {
    if (worker != nullptr) {
      all.push_back(worker->stream);
    }
  }
  return all;
}

void Scheduler::drop_streams_of_this_thread() {
  std::vector<std::unique_ptr<StreamWorker>> dropped;
  const std::lock_guard lock(mutex_);
  for (auto& worker : workers_) {
    if (worker != nullptr && worker->kind != StreamKind::shared &&
        worker->owner == std::this_thread::get_id()) {
      dropped.push_back(std::move(worker));
    }
  }
}

}  // namespace mlx::core
