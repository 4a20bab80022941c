#pragma once

// The command line, alike for our program and its peers.

#include <string>
#include <variant>
#include <vector>

#include "measure.h"

namespace mlx::bench {

/// What a program is called and which options make sense for it.
struct Program {
  std::string name;
  std::string purpose;
  bool starts_ranks = false;  ///< has --ranks
  bool polls = false;         ///< has --poll
  bool is_ours = false;       ///< has everything else
};

struct Options {
  Plan plan;
  int ranks = 0;  ///< 0: not given
  std::string backend = "any";
  bool graph = false;
  bool progress = false;
  bool poll = false;
  double wait_seconds = 0;  ///< measure a waiting rank instead; 0: no
  std::string json;         ///< file, or - for standard output; empty: none
  std::string plot;         ///< file; empty: none
  std::vector<std::string> compare;
};

/// The program has nothing more to do than to print this.
struct Answer {
  std::string text;
  int exit_code;
};

inline constexpr int kWrongUsage = 2;

std::variant<Options, Answer> parse_command_line(const Program& program,
                                                 const std::vector<std::string>& arguments);

}  // namespace mlx::bench
