#pragma once

// From what was found to what a job should use, and why.

#include <string>
#include <vector>

#include "mlx/launch/config/links.h"
#include "mlx/launch/hostfile.h"

namespace mlx::launch::config {

struct Wishes {
  Over over = Over::automatic;
  std::string backend;    ///< empty: chosen
  Variables environment;  ///< for the hostfile
};

struct Choice {
  std::string backend;
  Over over = Over::automatic;  ///< what was decided, never automatic once there is a hostfile
  bool mesh = false;            ///< every pair is joined by it; otherwise neighbours in the ring
  std::vector<int> order;       ///< numbers of hosts, in the order of their ranks
  std::vector<RdmaLink> rdma;   ///< all that there are, whether used or not
  std::vector<std::string> reasons;   ///< whole sentences
  std::vector<std::string> troubles;  ///< why a job will not run as it should
  Hostfile hostfile;                  ///< no hosts: there is no way
};

Choice choose(const Survey& survey, const Wishes& wishes);

}  // namespace mlx::launch::config
