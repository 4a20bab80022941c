#pragma once

// What the ranks find in their environment.

#include <map>
#include <string>
#include <string_view>

#include "mlx/launch/host.h"

namespace mlx::launch {

using EnvironmentMap = std::map<std::string, std::string>;

/// The terminal behind our standard output, if there is one.
struct Terminal {
  bool present = false;
  int columns = 0;  ///< 0: not known
};

/// `inherited` without the traces of another job around us, then `stronger`, of
/// which the last of a name counts.
EnvironmentMap job_environment(EnvironmentMap inherited, const Variables& stronger);

/// Whether one of them has that name.
bool sets(const Variables& variables, const std::string& name);

/// What tells a rank of the terminal on which its output ends up.
Variables variables_of(Terminal terminal);

/// The process's own environment.
EnvironmentMap inherited_environment();

Terminal terminal_of(int fd);

}  // namespace mlx::launch
