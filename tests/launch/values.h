#pragma once

// Values of several tests.

#include <string>

#include "mlx/launch/host.h"

namespace mlx::launch::test {

/// The status of a process that has ended with this code, as waitpid() gives it.
constexpr int exited(int code) { return code << 8; }

inline Host host_of(const std::string& name, const std::string& user = "", int port = 0) {
  Host host;
  host.name = name;
  host.user = user;
  host.port = port;
  return host;
}

}  // namespace mlx::launch::test
