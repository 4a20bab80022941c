// mlx-flight: explains flight records, joins traces.

#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>

#include "mlx/launch/flight/options.h"
#include "mlx/launch/flight/report.h"
#include "mlx/launch/flight/traces.h"

namespace {

using namespace mlx::launch::flight;

int join_traces(const FlightOptions& options) {
  const std::string all = merge_traces(options.traces);
  std::ofstream file(options.trace, std::ios::binary);
  file << all;
  file.close();
  if (!file) throw std::runtime_error("Cannot write " + options.trace + ".");
  std::printf("%zu traces are in %s. Open it in chrome://tracing or ui.perfetto.dev.\n",
              options.traces.size(), options.trace.c_str());
  return 0;
}

int explain(const FlightOptions& options) {
  const Records records = read_records(options.folder);
  const Report report = examine(records, options.patience);
  std::fputs((options.json ? to_json(report) : to_text(report)).c_str(), stdout);
  return report.problems.empty() ? 0 : kProblem;
}

}  // namespace

int main(int argc, char** argv) {
  const auto request = parse_flight_command_line({argv + 1, argv + argc});
  if (const auto* answer = std::get_if<mlx::launch::Answer>(&request)) {
    std::fputs(answer->text.c_str(), answer->exit_code == 0 ? stdout : stderr);
    return answer->exit_code;
  }
  try {
    const auto& options = std::get<FlightOptions>(request);
    return options.trace.empty() ? explain(options) : join_traces(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mlx-flight: %s\n", error.what());
    return kUsage;
  }
}
