#pragma once

// NVIDIA's GPUs, under MLX's name.

#include <string>
#include <unordered_map>
#include <variant>

namespace mlx::core::cu {

/// Whether arrays can be on one.
bool is_available();

/// Facts about one. Errors: std::invalid_argument if it is not there.
const std::unordered_map<std::string, std::variant<std::string, size_t>>& device_info(
    int device_index = 0);

}  // namespace mlx::core::cu
