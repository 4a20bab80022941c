#pragma once

// GPUs of any kind, under MLX's name. The same is in device.h, for all devices.

#include <string>
#include <unordered_map>
#include <variant>

namespace mlx::core::gpu {

/// Whether arrays can be on one.
bool is_available();
int device_count();

/// Facts about one. Errors: std::invalid_argument if it is not there.
const std::unordered_map<std::string, std::variant<std::string, size_t>>& device_info(
    int device_index = 0);

}  // namespace mlx::core::gpu
