#pragma once

// Why a host is lost, in words for the user.

#include <optional>
#include <string>

#include "mlx/launch/plan.h"

namespace mlx::launch {

struct LostHost {
  std::string name;
  Way way = Way::ssh;
  bool answered = false;           ///< its agent had said hello
  std::optional<int> wait_status;  ///< of ssh, srun or the agent here; empty: it still ran
  std::string said;                ///< its standard error
};

/// A sentence after the name of the host, without the last words of ssh.
std::string explain(const LostHost& lost);

/// The last lines that say something, each after `indent` and with a line end.
std::string last_words(const std::string& said, size_t count, const std::string& indent);

}  // namespace mlx::launch
