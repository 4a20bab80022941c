#pragma once

// Which ranks of a group share a host.

#include <vector>

#include "mlx/distributed/transport.h"

namespace mlx::core::distributed {

class Hosts {
 public:
  explicit Hosts(const Transport& transport);

  int ranks() const { return static_cast<int>(host_of_.size()); }
  int count() const { return static_cast<int>(members_.size()); }
  /// Number of a rank's host, from 0.
  int of(int rank) const { return host_of_[static_cast<size_t>(rank)]; }
  /// The ranks of a host, in their order.
  const std::vector<int>& members(int host) const { return members_[static_cast<size_t>(host)]; }
  /// The ranks of the host that has the fewest.
  int fewest() const;
  /// Whether there are several hosts, and several ranks on one of them.
  bool mixed() const { return count() > 1 && count() < ranks(); }

 private:
  std::vector<int> host_of_;
  std::vector<std::vector<int>> members_;
};

}  // namespace mlx::core::distributed
