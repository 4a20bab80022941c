#pragma once

// Memory that the device may touch. To register memory takes about as long as to
// copy it, so it only pays where it is kept.
//
// Arrays live in mappings of the caching allocator, which outlive them. Those
// are registered whole, kept, and dropped when the allocator is about to unmap
// them, so a registration never outlives what it is of. About other memory we
// hear nothing when it goes: it is registered for one transfer, and only if
// that is large.

#include <list>
#include <memory>
#include <mutex>

#include "mlx/core/memory/mappings.h"
#include "mlx/distributed/transports/rdma/verbs.h"

namespace mlx::core::distributed::rdma {

/// Registered as long as it lives.
class Region {
 public:
  explicit Region(MemoryRegion region) : region_(std::move(region)) {}
  uint32_t local_key() const { return region_->lkey; }
  uint32_t remote_key() const { return region_->rkey; }

 private:
  MemoryRegion region_;
};

class Registrations {
 public:
  /// Keeps at most a quarter of the `most_regions` that the device can have.
  Registrations(const Verbs& verbs, ibv_pd* domain, int most_regions);
  ~Registrations();

  enum class Use : uint8_t { to_read, to_write };

  /// A region around the bytes, or null where copying them is better or
  /// registering them is not possible. Hold it during the transfer.
  std::shared_ptr<Region> around(const std::byte* data, size_t bytes, Use use);

  /// A region of just these bytes, for the peer to write to; null when refused.
  std::shared_ptr<Region> make(void* data, size_t bytes, Use use);

  /// How many are kept, refusals among them.
  size_t kept() const;

 private:
  struct Kept {
    allocator::Mapping mapping;
    std::shared_ptr<Region> region;  // null: it was refused, and would be again
  };

  std::shared_ptr<Region> keep(const allocator::Mapping& mapping);
  void drop(const allocator::Mapping& mapping);

  const Verbs& verbs_;
  ibv_pd* const domain_;
  const size_t most_;
  mutable std::mutex mutex_;
  std::list<Kept> kept_;  // by mutex_; the last used first
  int watch_;
};

}  // namespace mlx::core::distributed::rdma
