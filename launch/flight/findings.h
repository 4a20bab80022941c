#pragma once

// What the records of a job's ranks say together.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "mlx/launch/flight/record.h"

namespace mlx::launch::flight {

/// A group of one generation, with the records of those ranks that wrote one.
struct GroupRecords {
  uint32_t group = 0;
  uint64_t generation = 0;
  std::vector<int> members;
  std::map<int, const Record*> ranks;

  /// "group 3", "group 3 of generation 1".
  std::string name() const;
};

/// In order of generation, group and members. Points into `records`.
std::vector<GroupRecords> by_group(const std::vector<Record>& records);

/// Something wrong, in words and in parts.
struct Finding {
  enum class Kind { unusable, missing, absent, outdated, message, mismatch, failed, slow };
  Kind kind;
  std::string text;
  std::vector<int> ranks;  ///< the culprits, where there are any
};

/// "absent", ...
const char* kind_name(Finding::Kind kind);

/// Waits shorter than `patience` seconds are no problem. What explains most comes first.
std::vector<Finding> findings_of(const GroupRecords& group, double patience);

/// How far a rank started behind the first one, in the collectives that all
/// ranks with a record still remember.
struct Lateness {
  size_t collectives = 0;  ///< compared
  size_t last = 0;         ///< in how many of them it was the last
  double median = 0;       ///< seconds behind the first
  double margin = 0;       ///< seconds behind the one before it where it was last; median
};
std::map<int, Lateness> lateness_of(const GroupRecords& group);

/// How long the rank has been, or was, in it: seconds.
double time_in(const Record& record, const Entry& entry);

/// "ranks 0, 1, 3" or "rank 2".
std::string list_of_ranks(const std::vector<int>& ranks);
/// "12.3 s", "4.50 ms", "120 us".
std::string duration(double seconds);

}  // namespace mlx::launch::flight
