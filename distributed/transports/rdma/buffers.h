#pragma once

// The memory of one link, registered as a whole: the slots for messages of both
// directions, and where large data passes that cannot be registered itself.

#include <memory>
#include <vector>

#include "mlx/distributed/transports/rdma/queue_pair.h"

namespace mlx::core::distributed::rdma {

constexpr size_t kSlotBytes = 8 * 1024;
constexpr size_t kStagingBytes = 256 * 1024;

class Buffers {
 public:
  /// Errors: DistributedError when the device will not register it.
  Buffers(Device& device, uint32_t slots);

  std::byte* in_slot(uint32_t slot) { return memory_.get() + slot * kSlotBytes; }
  std::byte* out_slot(uint32_t slot) { return in_slot(slots_ + slot); }
  std::byte* in_staging() { return in_slot(2 * slots_); }
  std::byte* out_staging() { return in_staging() + kStagingBytes; }

  Piece piece(const std::byte* data, size_t bytes) const {
    return {data, bytes, region_->local_key()};
  }
  uint32_t remote_key() const { return region_->remote_key(); }

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };

  uint32_t slots_;
  std::unique_ptr<std::byte[], Free> memory_;
  std::shared_ptr<Region> region_;
};

}  // namespace mlx::core::distributed::rdma
