#pragma once

// An NCCL communicator on a stream of its own. No call blocks: everything is
// started and then polled until it is done, its deadline, or an abort.

#include <atomic>
#include <functional>
#include <memory>

#include "mlx/distributed/bootstrap/time_limit.h"
#include "mlx/distributed/transports/nccl/library.h"

namespace mlx::core::distributed::nccl {

/// One GPU, for this process.
class Gpu {
 public:
  /// Errors: DistributedError if the driver refuses.
  Gpu(const Libraries& libraries, int local_rank);
  ~Gpu();

  const Libraries& libraries() const { return libraries_; }
  /// For the calling thread.
  void use() const;
  /// Whether the memory is the device's.
  bool owns(const void* memory) const;

 private:
  const Libraries& libraries_;
  int device_ = 0;
  Context context_ = nullptr;
};

class Communicator {
 public:
  /// All ranks of the group call it. Errors: TimeoutError, DistributedError.
  Communicator(std::shared_ptr<Gpu> gpu, const UniqueId& id, int rank, int size, Deadline deadline);
  ~Communicator();

  /// Whether the library can split it.
  bool can_split() const { return nccl().comm_split.address != nullptr; }
  /// The communicator of the ranks that pass the same color, which is not negative;
  /// `rank` is ours in it. All ranks call it at the same point.
  /// Errors: as run().
  std::unique_ptr<Communicator> split(int color, int rank, Deadline deadline);

  /// Runs what `enqueue` starts, as one group of calls, and waits for it.
  /// Errors: TimeoutError, AbortedError, DistributedError with NCCL's own words.
  ///         The communicator is of no use then.
  void run(const std::function<void(Comm, Stream)>& enqueue, Deadline deadline);

  /// For `enqueue`. Errors: DistributedError.
  template <typename... P, typename... A>
  void call(const Function<P...>& function, A... arguments) {
    const int result = function.address(arguments...);
    if (result != kSuccess && result != kInProgress) fail(function.name, result);
  }

  const Nccl& nccl() const { return gpu_->libraries().nccl; }
  /// Ends what is running. Callable from any thread.
  void abort() noexcept { aborted_ = true; }

 private:
  enum class Pending : uint8_t { call, stream };

  Communicator(std::shared_ptr<Gpu> gpu, int rank) : gpu_(std::move(gpu)), rank_(rank) {}
  template <typename Body>
  void attempt(const Body& body);
  void make_stream();
  bool done(Pending what);
  void wait(Pending what, Deadline deadline);
  void give_up() noexcept;
  [[noreturn]] void fail(const char* function, int result);

  const std::shared_ptr<Gpu> gpu_;
  const int rank_;
  Comm comm_ = nullptr;
  Stream stream_ = nullptr;
  std::atomic<bool> aborted_ = false;
};

}  // namespace mlx::core::distributed::nccl
