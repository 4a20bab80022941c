#pragma once

// Messages for people, on standard error. MLX_LOG_LEVEL sets which (debug, info, warning, off).

#include <cstdint>
#include <string>

#include "mlx/distributed/bootstrap/time_limit.h"

namespace mlx::core::distributed {

void log_info(const std::string& message);
void log_warning(const std::string& message);

/// Warnings that strangers can cause: so many in a while are logged, of the
/// others only how many there were.
class RareWarnings {
 public:
  ~RareWarnings() { summarise(); }
  void add(const std::string& message);

 private:
  void summarise();

  Deadline end_{};  // of the while
  int logged_ = 0;
  uint64_t withheld_ = 0;
};

}  // namespace mlx::core::distributed
