#pragma once

#include <stdexcept>
#include <string>

#include "mlx/core/base/error.h"

namespace mlx::launch {

/// The job cannot be started; `exit_code()` is what mlx-launch ends with.
class LaunchError : public std::runtime_error {
 public:
  static constexpr int kFailed = 1;
  static constexpr int kUsage = 2;
  static constexpr int kNotExecutable = 126;
  static constexpr int kNotFound = 127;
  static constexpr int kHostFailed = 255;

  LaunchError(int exit_code, const std::string& text)
      : std::runtime_error(text), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

template <typename... Parts>
[[noreturn]] void throw_usage(const Parts&... parts) {
  throw LaunchError(LaunchError::kUsage, core::concat(parts...));
}

}  // namespace mlx::launch
