#include "mlx/distributed/transports/rdma/registration.h"

#include <algorithm>

namespace mlx::core::distributed::rdma {
namespace {

// Registering for one transfer pays from here on.
constexpr size_t kWorthOnce = size_t{1} << 20;
constexpr int kMostKept = 128;

}  // namespace

Registrations::Registrations(const Verbs& verbs, ibv_pd* domain, int most_regions)
    : verbs_(verbs),
      domain_(domain),
      most_(static_cast<size_t>(std::clamp(most_regions / 4, 1, kMostKept))),
      watch_(allocator::watch_unmap([this](const allocator::Mapping& gone) { drop(gone); })) {}

Registrations::~Registrations() { allocator::unwatch_unmap(watch_); }

std::shared_ptr<Region> Registrations::make(void* data, size_t bytes, Use use) {
  const int access = use == Use::to_read ? 0 : IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE;
  MemoryRegion region(verbs_.reg_mr(domain_, data, bytes, access), {&verbs_});
  return region ? std::make_shared<Region>(std::move(region)) : nullptr;
}

std::shared_ptr<Region> Registrations::around(const std::byte* data, size_t bytes, Use use) {
  // Before our lock: the allocator holds its own when it calls drop().
  const auto mapping = allocator::mapping_around(data);
  if (mapping && data + bytes <= mapping->data + mapping->bytes) return keep(*mapping);
  if (bytes < kWorthOnce) return nullptr;
  return make(const_cast<std::byte*>(data), bytes, use);
}

std::shared_ptr<Region> Registrations::keep(const allocator::Mapping& mapping) {
  const std::lock_guard lock(mutex_);
  const auto at = std::find_if(kept_.begin(), kept_.end(),
                               [&](const Kept& k) { return k.mapping.data == mapping.data; });
  if (at != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, at);
    return kept_.front().region;
  }
  if (kept_.size() == most_) kept_.pop_back();
  auto region = make(mapping.data, mapping.bytes, Use::to_write);
  kept_.push_front({mapping, region});
  return region;
}

void Registrations::drop(const allocator::Mapping& mapping) {
  const std::lock_guard lock(mutex_);
  kept_.remove_if([&](const Kept& k) { return k.mapping.data == mapping.data; });
}

size_t Registrations::kept() const {
  const std::lock_guard lock(mutex_);
  return kept_.size();
}

}  // namespace mlx::core::distributed::rdma
