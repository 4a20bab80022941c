#pragma once

// The launcher's hand on a host: starts the ranks there, forwards what they say
// and ends them, as the launcher says, over the agent's standard input and output
// (protocol.h). It ends the ranks, too, when the launcher is gone or silent.

namespace mlx::launch {

/// The first argument of our program that makes it an agent.
constexpr const char* kAgentArgument = "--agent";

/// For a process that does nothing else. Returns its exit code.
int run_agent();

}  // namespace mlx::launch
