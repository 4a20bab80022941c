#pragma once

// Commands that would make more of the hosts: shown, and run only when asked.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mlx/launch/config/choose.h"

namespace mlx::launch::config {

struct SetupStep {
  int host = 0;
  std::string command;  ///< for a shell there, as root
  std::string reason;
};

/// In the order in which they should run. They last until the next boot.
std::vector<SetupStep> setup_steps(const Survey& survey, const Wishes& wishes);

/// Runs a step through ssh, with sudo where the login is not root's. Returns what
/// went wrong; empty: nothing.
std::string run_step(const SetupStep& step, const Survey& survey, const RemoteShell& shell);

}  // namespace mlx::launch::config
