#pragma once

// The command line of mlx-distributed-config.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "mlx/launch/config/choose.h"
#include "mlx/launch/options.h"
#include "mlx/launch/remote_shell.h"

namespace mlx::launch::config {

/// Exit codes besides 0.
constexpr int kProblem = 1, kUsage = 2;

struct ConfigOptions {
  bool probe = false;       ///< --probe: answers for this host, for another of us
  std::vector<Host> hosts;  ///< --hosts
  std::string hostfile;     ///< --hostfile: hosts to configure; --check: to be checked
  bool check = false;
  Wishes wishes;       ///< --over, --backend, --env
  std::string output;  ///< --output-hostfile; empty: within the report; "-": alone on stdout
  bool dot = false;
  bool json = false;
  bool auto_setup = false;
  bool yes = false;
  bool ignore_unreachable = false;
  bool verbose = false;
  std::optional<uint16_t> starting_port;
  std::chrono::milliseconds flow{250};  ///< --seconds: of data each way over each path
  RemoteShell shell;                    ///< --ssh, --ssh-option, --connect-timeout
};

std::variant<ConfigOptions, Answer> parse_config_command_line(
    const std::vector<std::string>& arguments);

}  // namespace mlx::launch::config
