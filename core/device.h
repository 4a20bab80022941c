#pragma once

// Devices. The CPU is always there; a GPU only when a driver of core/gpu is.

#include <string>
#include <unordered_map>
#include <variant>

namespace mlx::core {

struct Device {  ///< a processor that arrays are computed on
  enum class DeviceType { cpu, gpu };
  static constexpr DeviceType cpu = DeviceType::cpu;
  static constexpr DeviceType gpu = DeviceType::gpu;

  Device(DeviceType type, int index = 0) : type(type), index(index) {}  // NOLINT

  bool operator==(const Device&) const = default;
  bool operator<(const Device& rhs) const;

  DeviceType type;
  int index;
};

bool operator==(const Device& device, Device::DeviceType type);

/// The device that operations use when none is given. Per thread.
const Device& default_device();

/// Errors: std::invalid_argument if the device is not available.
void set_default_device(const Device& d);

bool is_available(const Device& d);  ///< whether operations can run there

int device_count(Device::DeviceType type);  ///< 1 for cpu; 0 for gpu in this build

/// Facts about a device: for the CPU "device_name", "architecture", "memory_size" (bytes),
/// "logical_cores".
const std::unordered_map<std::string, std::variant<std::string, size_t>>& device_info(
    const Device& d = default_device());

}  // namespace mlx::core
