#include "mlx/distributed/hosts.h"

#include <algorithm>

namespace mlx::core::distributed {

Hosts::Hosts(const Transport& transport) {
  std::vector<int> seen;  // the transport's numbers, which may be any
  for (int rank = 0; rank < transport.size(); ++rank) {
    const int number = transport.host_of(rank);
    const auto at = std::find(seen.begin(), seen.end(), number);
    const auto host = static_cast<size_t>(at - seen.begin());
    if (at == seen.end()) {
      seen.push_back(number);
      members_.emplace_back();
    }
    host_of_.push_back(static_cast<int>(host));
    members_[host].push_back(rank);
  }
}

int Hosts::fewest() const {
  const auto smaller = [](const auto& a, const auto& b) { return a.size() < b.size(); };
  return static_cast<int>(std::min_element(members_.begin(), members_.end(), smaller)->size());
}

}  // namespace mlx::core::distributed
