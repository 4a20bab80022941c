#pragma once

// Ranks that are threads of one process, for tests: the links are those of
// shared memory, so this exercises the same code.

#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "mlx/distributed/transport.h"

namespace mlx::core::distributed {

/// One connected transport for each of `ranks` threads.
std::vector<std::unique_ptr<Transport>> make_memory_transports(int ranks);

/// Connects the threads of any group: the first of its ranks makes the
/// transports for all.
class MemoryFabric {
 public:
  std::unique_ptr<Transport> connect(uint32_t group, const std::vector<int>& world_ranks, int self);

 private:
  using Key = std::pair<uint32_t, std::vector<int>>;
  std::mutex mutex_;
  std::map<Key, std::map<int, std::unique_ptr<Transport>>> waiting_;  // by mutex_
};

}  // namespace mlx::core::distributed
