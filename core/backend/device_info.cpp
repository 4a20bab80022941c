#include "mlx/core/backend/gpu/device_info.h"

#include "mlx/core/backend/cuda/cuda.h"
#include "mlx/core/device.h"
#include "mlx/core/version.h"

namespace mlx::core {

const char* version() { return MLX_VERSION; }

namespace gpu {

bool is_available() { return core::is_available(Device(Device::gpu)); }
int device_count() { return core::device_count(Device::gpu); }
const std::unordered_map<std::string, std::variant<std::string, size_t>>& device_info(
    int device_index) {
  return core::device_info(Device(Device::gpu, device_index));
}

}  // namespace gpu

namespace cu {

bool is_available() { return gpu::is_available(); }
const std::unordered_map<std::string, std::variant<std::string, size_t>>& device_info(
    int device_index) {
  return gpu::device_info(device_index);
}

}  // namespace cu
}  // namespace mlx::core
