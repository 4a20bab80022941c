#pragma once

// Messages for people, on standard error. MLX_LOG_LEVEL sets which (debug, info, warning, off).

#include <string>

namespace mlx::core::distributed {

void log_info(const std::string& message);
void log_warning(const std::string& message);

}  // namespace mlx::core::distributed
