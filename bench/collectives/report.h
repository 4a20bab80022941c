#pragma once

// Results as a table and as JSON.

#include <string>
#include <vector>

#include "options.h"

namespace mlx::bench {

/// What was measured under which circumstances.
struct Report {
  std::string system;  ///< "mlx ring, arrays", "Open MPI 4.1.4"
  int ranks = 0;
  std::string dtype;
  std::vector<Row> rows;
  std::optional<double> waiting_share;  ///< of a core
};

std::string to_json(const Report& report);

/// Errors: std::runtime_error naming the file if it cannot be read or is not ours.
Report read_report(const std::string& file);

/// Measures what the options say, prints it and writes it to the files; only
/// rank 0 does. Returns the program's exit code.
int measure_and_report(System& system, const std::string& name, const Options& options);

}  // namespace mlx::bench
