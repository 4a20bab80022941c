#pragma once

// What mlx-flight prints.

#include <string>
#include <vector>

#include "mlx/launch/flight/findings.h"

namespace mlx::launch::flight {

struct Report {
  std::vector<Finding> problems;  ///< of all groups, and files that could not be used
  std::vector<GroupRecords> groups;
  size_t records = 0;
};

/// Points into `records`.
Report examine(const Records& records, double patience);

/// Sentences, then a table for each group.
std::string to_text(const Report& report);
/// The same for programs; docs/telemetry.md names the members.
std::string to_json(const Report& report);

}  // namespace mlx::launch::flight
