#pragma once

// The large blocks of the allocator, which it maps from the system: for devices
// that register memory and must hear of it when that memory goes.

#include <cstddef>
#include <functional>
#include <optional>

namespace mlx::core::allocator {

struct Mapping {
  std::byte* data;
  size_t bytes;
};

/// The mapping that holds this address. It stays while somebody holds the array
/// that the address belongs to.
std::optional<Mapping> mapping_around(const void* address);

/// Calls the watcher for each mapping just before it is unmapped, on the thread
/// that does it. The watcher must neither allocate arrays nor free any.
int watch_unmap(std::function<void(const Mapping&)> watcher);
/// Returns when the watcher is not running and will not run again.
void unwatch_unmap(int watch);

/// For the allocator: a mapping has come, or is about to go.
void mapped(const Mapping& mapping);
void unmapping(const std::byte* data);

}  // namespace mlx::core::allocator
