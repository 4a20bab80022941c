#pragma once

namespace mlx::core {

/// This library's version: "0.1.0".
const char* version();

}  // namespace mlx::core
