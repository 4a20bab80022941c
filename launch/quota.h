#pragma once

#include <string>

namespace mlx::launch {

/// How many processors a process may use at once by the quotas of its control
/// groups and those above, rounded up; 0: no quota. `groups` is the text of
/// /proc/self/cgroup, `root` where the groups are mounted; versions 1 and 2.
int processors_of_quota(const std::string& groups, const std::string& root);

/// Of this process.
int processors_of_quota();

}  // namespace mlx::launch
