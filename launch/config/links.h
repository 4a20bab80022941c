#pragma once

// Which kinds of links join the hosts.

#include <string>
#include <vector>

#include "mlx/launch/config/survey.h"

namespace mlx::launch::config {

/// What data goes over.
enum class Over { automatic, ethernet, rdma, thunderbolt };

const char* over_name(Over over);

/// Whether a backend of that name moves data by RDMA: rdma, jaccl, jaccl-ring.
bool is_rdma(const std::string& backend);

/// A way between two hosts over which RDMA goes.
struct RdmaLink {
  int from = 0, to = 0;  ///< numbers of hosts, from < to
  std::string from_device, to_device;
  double rate = 0;  ///< what the ports claim, in bits per second
};

/// Between hosts that can be used.
std::vector<RdmaLink> rdma_links(const Survey& survey);

/// Whether a path is of that kind at both ends.
bool goes_over(const Survey& survey, const Path& path, Over over);

}  // namespace mlx::launch::config
