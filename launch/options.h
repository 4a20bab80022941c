#pragma once

// The command line of mlx-launch.

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace mlx::launch {

using Variables = std::vector<std::pair<std::string, std::string>>;

struct Options {
  int ranks = 1;
  Variables environment;  ///< --env, in order
  std::string folder;     ///< --cwd; empty: where we are
  bool tag_output = false;
  bool verbose = false;
  std::optional<std::chrono::milliseconds> timeout;  ///< of the whole job
  std::chrono::milliseconds grace{5'000};            ///< between SIGTERM and SIGKILL
  std::vector<std::string> command;                  ///< program and arguments; never empty
};

/// What to print instead of starting a job: help, version, or what is wrong.
struct Answer {
  std::string text;
  int exit_code = 0;
};

/// Options come before the program; what follows it belongs to it.
std::variant<Options, Answer> parse_command_line(const std::vector<std::string>& arguments);

}  // namespace mlx::launch
