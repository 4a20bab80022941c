#pragma once

// What one rank's flight recorder wrote about one group, read from its file.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace mlx::launch::flight {

/// One collective, send or receive of a rank. Times in nanoseconds since 1970,
/// on one clock for all records that were read together.
struct Entry {
  uint64_t number = 0;  ///< of the group; for messages, of the pair and tag
  std::string operation, dtype, reduction;
  uint64_t count = 0;  ///< of elements
  uint64_t bytes = 0;
  std::string state;  ///< running, done or failed
  int peer = -1;      ///< world rank: root, receiver or sender
  int tag = 0;
  int64_t queued = 0, started = 0;
  int64_t ended = 0;  ///< 0 while it is running

  bool is_message() const { return operation == "send" || operation == "recv"; }
  bool is_done() const { return state == "done"; }
};

/// "#17 all_sum float32[4]".
std::string describe(const Entry& entry);

/// Ranks are those of the world.
struct Record {
  std::string file;
  uint32_t group = 0;
  uint64_t generation = 0;
  int rank = 0;
  std::vector<int> members;
  std::string host;
  int64_t written = 0;    ///< when, on the clock of the entries
  uint64_t recorded = 0;  ///< how many there were; `entries` are the last of them
  std::string error;      ///< why the group failed; empty: it did not
  std::vector<Entry> entries;

  /// The collectives by number, without messages.
  std::map<uint64_t, const Entry*> collectives() const;
};

struct Records {
  std::vector<Record> all;
  /// Files that are no flight records, and why.
  std::vector<std::pair<std::string, std::string>> unusable;
};

/// Reads every flight-*.json of the folder, in the order of their names.
/// Errors: std::runtime_error when the folder cannot be read or holds none.
Records read_records(const std::string& folder);

/// The content of a file.
/// Errors: std::runtime_error naming it.
std::string read_file(const std::string& path);

}  // namespace mlx::launch::flight
