#pragma once

// The threads behind streams.

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "mlx/core/stream.h"

namespace mlx::core {

enum class StreamKind {
  /// A thread's default stream: synchronous evaluation runs on the caller.
  thread_default,
  /// Made by new_stream: only the thread that made it may use it.
  thread_owned,
  /// Any thread may use it.
  shared,
};

/// One stream's queue. The thread starts with the first work.
class StreamWorker {
 public:
  StreamWorker(Stream stream, StreamKind kind);
  StreamWorker(const StreamWorker&) = delete;
  StreamWorker& operator=(const StreamWorker&) = delete;
  /// Finishes the queue first.
  ~StreamWorker();

  const Stream stream;
  const StreamKind kind;
  const std::thread::id owner;

  void enqueue(std::function<void()> work);

  /// If the stream is idle, keeps it so for run_claimed(), which must follow.
  bool claim_if_idle();
  /// Runs `work` on the calling thread.
  void run_claimed(const std::function<void()>& work);

  /// Waits for the queue to drain and rethrows the first error recorded since.
  void synchronize();

  /// Whether nothing is queued or running.
  bool idle() const;

  /// Remembers an error for synchronize().
  void record_error(std::exception_ptr error);

 private:
  void loop();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  std::exception_ptr error_;
  bool busy_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

/// All streams of the process. Lives until the process ends.
class Scheduler {
 public:
  static Scheduler& get();

  Stream add_stream(Device device, StreamKind kind);
  /// Errors: std::invalid_argument for a stream that does not exist (any more).
  StreamWorker& worker(const Stream& stream);
  /// Errors: std::runtime_error for another thread's stream.
  void check_usable(const Stream& stream, std::string_view op);
  std::vector<Stream> streams();
  void drop_streams_of_this_thread();

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<StreamWorker>> workers_;  // by stream index; null when dropped
};

}  // namespace mlx::core
