#pragma once

// The command line of mlx-flight.

#include <string>
#include <variant>
#include <vector>

#include "mlx/launch/options.h"

namespace mlx::launch::flight {

/// Exit codes besides 0.
constexpr int kProblem = 1, kUsage = 2;

struct FlightOptions {
  std::string folder;               ///< of flight records; empty with `trace`
  std::string trace;                ///< --trace: where the joined trace goes
  std::vector<std::string> traces;  ///< what to join
  bool json = false;
  double patience = 1;  ///< --patience: shorter waits are no problem, in seconds
};

std::variant<FlightOptions, Answer> parse_flight_command_line(
    const std::vector<std::string>& arguments);

}  // namespace mlx::launch::flight
