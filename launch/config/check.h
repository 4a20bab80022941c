#pragma once

// Whether a hostfile is true: its hosts, addresses, devices and backend.

#include <vector>

#include "mlx/launch/config/findings.h"
#include "mlx/launch/hostfile.h"

namespace mlx::launch::config {

/// `survey` is of the hostfile's hosts, in its order. What findings_of() tells of
/// the hosts themselves is not repeated.
std::vector<Finding> check_hostfile(const Hostfile& hostfile, const Survey& survey);

}  // namespace mlx::launch::config
