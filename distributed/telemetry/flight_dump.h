#pragma once

// Writing down what the flight recorders of this process hold.

#include <string>

namespace mlx::core::distributed {

class FlightRecorder;

/// Called by the recorders.
void list_recorder(const FlightRecorder* recorder);
void unlist_recorder(const FlightRecorder* recorder);

/// From now on a thread dumps all records into `folder` on request, and on
/// SIGUSR1 unless the program has a handler for that of its own. Only the first
/// call counts.
void start_flight_dumper(const std::string& folder);

/// Asks that thread, if there is one. Returns at once; callable from any thread.
void request_flight_dump();

}  // namespace mlx::core::distributed
