#pragma once

// MPI in this process: initialised once, ended at exit. Every call goes through
// call(), which checks what it returns and, where MPI wants one thread at a time,
// takes turns.

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "mlx/distributed/bootstrap/time_limit.h"
#include "mlx/distributed/transports/mpi/library.h"

namespace mlx::core::distributed::mpi {

class Runtime {
 public:
  /// Initialises MPI unless the program has. Always the same object.
  /// Errors: DistributedError when MPI cannot be initialised, has been ended, or
  ///         leaves its calls to one thread.
  static std::shared_ptr<Runtime> get(const Library& library);
  ~Runtime();

  int rank() const { return rank_; }
  int size() const { return size_; }
  /// A communicator of our own with all ranks.
  Comm world() const { return world_; }
  const Library& library() const { return library_; }

  /// Errors: DistributedError with MPI's own words.
  template <typename... P, typename... A>
  void call(const Function<P...>& function, A... arguments) {
    std::unique_lock lock(turn_, std::defer_lock);
    if (one_at_a_time_) lock.lock();
    const int code = function.address(arguments...);
    if (code != kSuccess) fail(function.name, code);
  }

  /// Whether the request has completed; it is null then.
  bool test(Request& request);
  /// Waits for it; `memory` is what it uses. Errors: TimeoutError.
  void wait(Request& request, Deadline deadline, std::shared_ptr<void> memory);

  /// Something went wrong: the other ranks may not come to MPI_Finalize.
  void give_up() { failed_ = true; }

 private:
  explicit Runtime(const Library& library);
  bool initialise();
  [[noreturn]] void fail(const char* function, int code);

  const Library& library_;
  std::mutex turn_;
  bool ours_ = false;  // we initialised MPI
  bool one_at_a_time_ = false;
  std::atomic<bool> failed_ = false;
  int rank_ = 0;
  int size_ = 1;
  Comm world_ = nullptr;
};

}  // namespace mlx::core::distributed::mpi
