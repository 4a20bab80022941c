#pragma once

// What the ranks find in their environment.

#include <map>
#include <string>
#include <string_view>

#include "mlx/launch/options.h"

namespace mlx::launch {

using EnvironmentMap = std::map<std::string, std::string>;

/// The terminal behind our standard output, if there is one.
struct Terminal {
  bool present = false;
  int columns = 0;  ///< 0: not known
};

/// What all ranks share: `inherited` without the traces of another job, then
/// the share of the cores and the terminal, then --env, which has the last word.
EnvironmentMap shared_environment(const EnvironmentMap& inherited, const Options& options,
                                  int cores, Terminal terminal);

/// The process's own environment.
EnvironmentMap inherited_environment();

/// Cores that this process may use.
int usable_cores();

Terminal terminal_of(int fd);

}  // namespace mlx::launch
