#include "mlx/launch/flight/options.h"

#include "mlx/launch/command_line.h"

namespace mlx::launch::flight {
namespace {

constexpr const char* kFlightFooter = R"(
DIR is the folder that MLX_FLIGHT_DIR named when the job ran. Every rank writes the last 2048
collectives of each of its groups there when a group fails, when a deadline passes, or on SIGUSR1
(kill -USR1 PID). The ranks of several hosts write into folders of their own unless they share a
file system: copy the files into one.

With --trace, the arguments are the files that a job wrote with MLX_TRACE.

Exit code: 0 nothing is wrong, 1 a problem was found, 2 wrong usage or nothing to read.)";

}  // namespace

std::variant<FlightOptions, Answer> parse_flight_command_line(
    const std::vector<std::string>& arguments) {
  FlightOptions options;
  std::vector<std::string> paths;
  CommandLine line(
      "mlx-flight",
      "Explains what the ranks of a job were doing: who has not joined which collective.",
      {"[options] DIR", "--trace OUT FILE..."}, kFlightFooter);
  CLI::App& app = line.app();
  app.add_option("paths", paths, "The folder, or the files to join")->type_name("DIR");
  auto* as_json = app.add_flag("--json", options.json, "Print the same as JSON");
  app.add_option("--patience", options.patience,
                 "Waits that are shorter are no problem (default 1)")
      ->check(CLI::Range(0.0, 1e9))
      ->type_name("SECONDS");
  app.add_option("--trace", options.trace, "Join traces of ranks into one file for a trace viewer")
      ->type_name("OUT")
      ->excludes(as_json);
  if (auto answer = line.parse(arguments)) return *answer;
  if (!options.trace.empty()) {
    if (paths.empty()) return line.wrong_usage("No traces to join.");
    options.traces = std::move(paths);
    return options;
  }
  if (paths.size() != 1) return line.wrong_usage("Expected one folder of flight records.");
  options.folder = paths[0];
  return options;
}

}  // namespace mlx::launch::flight
