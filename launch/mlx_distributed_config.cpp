// mlx-distributed-config: finds out what hosts are there, writes and checks hostfiles.

#include <cstdio>

#include "mlx/launch/config/configure.h"
#include "mlx/launch/config/probe.h"
#include "mlx/launch/config/session.h"
#include "mlx/launch/error.h"

using namespace mlx::launch;

int main(int argc, char** argv) {
  const auto request = config::parse_config_command_line({argv + 1, argv + argc});
  if (const auto* answer = std::get_if<Answer>(&request)) {
    std::fputs(answer->text.c_str(), answer->exit_code == 0 ? stdout : stderr);
    return answer->exit_code;
  }
  const auto& options = std::get<config::ConfigOptions>(request);
  if (options.probe) config::run_probe();
  config::end_sessions_by_signals();
  try {
    return config::configure(options);
  } catch (const LaunchError& error) {
    std::fprintf(stderr, "mlx-distributed-config: %s\n", error.what());
    return error.exit_code();
  }
}
