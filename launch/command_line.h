#pragma once

// What the command lines of our programs have in common: --help and --version,
// how --help looks, and what is said of wrong usage.

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mlx/launch/options.h"

namespace mlx::launch {

class CommandLine {
 public:
  /// `usages`: what may follow the program's name; a line of --help for each.
  CommandLine(const std::string& program, const std::string& purpose,
              const std::vector<std::string>& usages, const std::string& footer);

  /// For the options.
  CLI::App& app() { return app_; }

  /// Fills in the options, then calls `make_sense`, which may throw CLI::ParseError or
  /// std::invalid_argument. Empty: all is well, the program goes on.
  std::optional<Answer> parse(
      const std::vector<std::string>& arguments, const std::function<void()>& make_sense = [] {});
  Answer wrong_usage(const std::string& text) const;

 private:
  CLI::App app_;
};

/// An option that takes one value each time.
CLI::Option* repeatable(CLI::Option* option);

}  // namespace mlx::launch
