#include "mlx/distributed/transports/nccl/communicator.h"

#include <utility>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/transports/patience.h"

namespace mlx::core::distributed::nccl {
namespace {

// For what has been started to end in good order when a communicator goes.
constexpr Milliseconds kFarewell{5'000};

template <typename... P, typename... A>
void check(const Function<P...>& function, A... arguments) {
  const int code = function.address(arguments...);
  if (code != 0)
    throw DistributedError(concat("[nccl] ", function.name, " failed with ", code, "."));
}

}  // namespace

Gpu::Gpu(const Libraries& libraries, int local_rank) : libraries_(libraries) {
  int devices = 0;
  check(libraries_.cuda.device_get_count, &devices);
  require(devices > 0, "[nccl] There is no GPU.");
  device_ = local_rank % devices;
  check(libraries_.cuda.primary_context_retain, &context_, device_);
}

Gpu::~Gpu() { libraries_.cuda.primary_context_release.address(device_); }

void Gpu::use() const { check(libraries_.cuda.context_set_current, context_); }

bool Gpu::owns(const void* memory) const {
  unsigned type = 0;
  const int code = libraries_.cuda.pointer_get_attribute.address(
      &type, kMemoryType, reinterpret_cast<DevicePointer>(memory));
  return code == 0 && type == kDeviceMemory;
}

Communicator::Communicator(std::shared_ptr<Gpu> gpu, const UniqueId& id, int rank, int size,
                           Deadline deadline)
    : Communicator(std::move(gpu), rank) {
  attempt([&] {
    Config config;
    call(nccl().comm_init, &comm_, size, id, rank, &config);
    wait(Pending::call, deadline);
    make_stream();
  });
}

Communicator::~Communicator() {
  try {
    gpu_->use();
    if (aborted_) give_up();
    if (comm_) {
      call(nccl().comm_finalize, comm_);
      wait(Pending::call, after(kFarewell));
      nccl().comm_destroy.address(std::exchange(comm_, nullptr));
    }
  } catch (const DistributedError&) {
    give_up();
  }
  if (stream_) gpu_->libraries().cuda.stream_destroy.address(stream_);
}

// After an error it is of no use.
template <typename Body>
void Communicator::attempt(const Body& body) {
  try {
    gpu_->use();
    body();
  } catch (...) {
    give_up();
    throw;
  }
}

void Communicator::make_stream() {
  check(gpu_->libraries().cuda.stream_create, &stream_, kNonBlocking);
}

std::unique_ptr<Communicator> Communicator::split(int color, int rank, Deadline deadline) {
  if (!comm_) throw AbortedError("the communicator was aborted");
  std::unique_ptr<Communicator> part(new Communicator(gpu_, rank));
  try {
    attempt([&] {
      Config config;
      call(nccl().comm_split, comm_, color, rank, &part->comm_, &config);
      wait(Pending::call, deadline);
      part->make_stream();
    });
  } catch (...) {
    // NCCL has stopped writing to its handle now that ours is aborted.
    part->give_up();
    throw;
  }
  return part;
}

void Communicator::run(const std::function<void(Comm, Stream)>& enqueue, Deadline deadline) {
  if (!comm_) throw AbortedError("the communicator was aborted");
  attempt([&] {
    call(nccl().group_start);
    try {
      enqueue(comm_, stream_);
    } catch (...) {
      nccl().group_end.address();
      throw;
    }
    call(nccl().group_end);
    wait(Pending::call, deadline);
    wait(Pending::stream, deadline);
  });
}

// Errors of NCCL come to light here, whatever we wait for.
bool Communicator::done(Pending what) {
  int state = kSuccess;
  call(nccl().comm_get_async_error, comm_, &state);
  if (state == kInProgress) return false;
  if (state != kSuccess) fail("a call", state);
  if (what == Pending::call) return true;
  const int code = gpu_->libraries().cuda.stream_query.address(stream_);
  if (code != 0 && code != kNotReady) {
    throw DistributedError(concat("[nccl] The GPU failed with ", code, "."));
  }
  return code == 0;
}

void Communicator::wait(Pending what, Deadline deadline) {
  Patience patience;
  while (!done(what)) {
    if (aborted_) throw AbortedError("the transport was aborted");
    if (Clock::now() >= deadline) {
      Circumstances where;
      where.rank = rank_;
      throw TimeoutError("[nccl] The deadline has passed", where);
    }
    patience.pause();
  }
}

// Stops what runs on the GPU: what it uses is free afterwards.
void Communicator::give_up() noexcept {
  if (comm_) nccl().comm_abort.address(std::exchange(comm_, nullptr));
}

void Communicator::fail(const char* function, int result) {
  throw DistributedError(concat("[nccl] ", function, " failed: ", nccl().get_error_string(result),
                                ": ", nccl().get_last_error(comm_)));
}

}  // namespace mlx::core::distributed::nccl
