#include "mlx/core/memory/mappings.h"

#include <map>
#include <mutex>

namespace mlx::core::allocator {
namespace {

struct Mappings {
  std::mutex mutex;
  std::map<const std::byte*, size_t> bytes;
  std::map<int, std::function<void(const Mapping&)>> watchers;
  int next_watch = 0;
};

// Never destroyed, like the allocator.
Mappings& mappings() {
  static auto* instance = new Mappings;
  return *instance;
}

}  // namespace

std::optional<Mapping> mapping_around(const void* address) {
  Mappings& all = mappings();
  const std::lock_guard lock(all.mutex);
  const auto* at = static_cast<const std::byte*>(address);
  auto next = all.bytes.upper_bound(at);
  if (next == all.bytes.begin()) return {};
  const auto& [data, bytes] = *--next;
  if (at >= data + bytes) return {};
  return Mapping{const_cast<std::byte*>(data), bytes};
}

int watch_unmap(std::function<void(const Mapping&)> watcher) {
  Mappings& all = mappings();
  const std::lock_guard lock(all.mutex);
  all.watchers.emplace(all.next_watch, std::move(watcher));
  return all.next_watch++;
}

void unwatch_unmap(int watch) {
  Mappings& all = mappings();
  const std::lock_guard lock(all.mutex);
  all.watchers.erase(watch);
}

void mapped(const Mapping& mapping) {
  Mappings& all = mappings();
  const std::lock_guard lock(all.mutex);
  all.bytes.emplace(mapping.data, mapping.bytes);
}

void unmapping(const std::byte* data) {
  Mappings& all = mappings();
  // Under the lock, so that unwatch_unmap() waits for a call in progress.
  const std::lock_guard lock(all.mutex);
  const auto at = all.bytes.find(data);
  if (at == all.bytes.end()) return;
  for (const auto& [id, watcher] : all.watchers) {
    watcher({const_cast<std::byte*>(at->first), at->second});
  }
  all.bytes.erase(at);
}

}  // namespace mlx::core::allocator
