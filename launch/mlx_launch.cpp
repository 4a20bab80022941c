// mlx-launch: starts a program as several ranks of one job, and is its own agent
// and watchdog on the hosts.

#include <cstdio>
#include <cstring>
#include <exception>

#include "mlx/launch/agent.h"
#include "mlx/launch/error.h"
#include "mlx/launch/launcher.h"
#include "mlx/launch/watchdog.h"

int main(int argc, char** argv) {
  using namespace mlx::launch;
  if (argc == 3 && std::strcmp(argv[1], kWatchdogArgument) == 0) run_watchdog(argv[2]);
  if (argc == 2 && std::strcmp(argv[1], kAgentArgument) == 0) return run_agent();
  const auto request = parse_command_line({argv + 1, argv + argc});
  if (const Answer* answer = std::get_if<Answer>(&request)) {
    std::fputs(answer->text.c_str(), answer->exit_code == 0 ? stdout : stderr);
    return answer->exit_code;
  }
  try {
    return launch(std::get<Options>(request));
  } catch (const LaunchError& error) {
    std::fprintf(stderr, "mlx-launch: %s\n", error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mlx-launch: %s\n", error.what());
    return LaunchError::kFailed;
  }
}
